"""Videos, from the command line to the file.

Run by ctest, one entry per test: record_test.py PROGRAM SOURCE_DIR [RecordTest.test_name].
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

TINY = ["training.env_steps_total=600", "training.warmup_steps=50", "evaluation.every=300", "evaluation.episodes=1",
        "agent.hidden=[8]", "agent.batch_size=8", "seeds=[0,1]"]
SMALL = ["--width", "64", "--height", "48"]
RANDOM = ["--policy", "random", *SMALL]


class RecordTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="duet-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def duet(self, *arguments, code=0, **options):
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, text=True, capture_output=True, timeout=200,
                              **options)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def refused(self, *arguments, **options):
        """The one line with which the program refuses; nothing was written."""
        done = self.duet("record", *arguments, code=2, **options)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("duet: "), done.stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if ".mp4" in name], [])
        return done.stderr[len("duet: "):-1]

    def need_opengl(self):
        done = subprocess.run([PROGRAM, "record", "Hopper-v5", *RANDOM, "--out", "try.mp4"], cwd=self.folder, text=True,
                              capture_output=True)
        if "need OpenGL" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(done.returncode, 0, done.stderr)
        os.remove(self.path("try.mp4"))

    def assertPlayable(self, name):
        with open(self.path(name), "rb") as file:
            content = file.read()
        self.assertEqual(content[4:8], b"ftyp")
        self.assertLess(content.find(b"moov"), content.find(b"mdat"))

    def test_a_random_policy_is_recorded(self):
        self.need_opengl()
        found = json.loads(self.duet("record", "InvertedPendulum-v5", *RANDOM, "--out", "a.mp4", "--episodes", "3", "--seed",
                                     "5", "--json").stdout)
        self.assertEqual([episode["seed"] for episode in found["episodes"]], [5, 6, 7])
        self.assertEqual(found["frames"], sum(episode["length"] for episode in found["episodes"]))
        self.assertEqual((found["width"], found["height"], found["frames_per_second"]), (64, 48, 25))
        self.assertAlmostEqual(found["seconds"], found["frames"] / 25)
        self.assertEqual((found["env"], found["policy"]), ("InvertedPendulum-v5", "random"))
        self.assertPlayable("a.mp4")
        again = json.loads(self.duet("record", "InvertedPendulum-v5", *RANDOM, "--out", "a.mp4", "--seed", "6", "--fps",
                                     "50", "--json").stdout)
        self.assertEqual(again["episodes"], found["episodes"][1:2])
        self.assertAlmostEqual(again["seconds"], again["frames"] / 50)

    def test_drawn_tasks_need_no_opengl_and_take_options(self):
        environment = {**os.environ, "MUJOCO_GL": "none"}
        for options, seed in (([], 3), (["--option", "continuous=true", "--option", "gravity=-5"], 4)):
            found = json.loads(self.duet("record", "LunarLander-v3", "--policy", "random", "--height", "101", "--out", "a.mkv",
                                         "--seed", str(seed), *options, "--json", env=environment).stdout)
            self.assertEqual((found["renderer"], found["width"], found["height"]), ("cairo", 152, 101))
            self.assertEqual((found["frames"], found["frames_per_second"]), (found["episodes"][0]["length"], 50))
            self.assertTrue(found["episodes"][0]["terminated"])
            self.assertGreater(os.path.getsize(self.path("a.mkv")), 1000)

    def test_a_trained_policy_is_recorded_and_does_what_it_does_in_evaluate(self):
        self.need_opengl()
        settings = os.path.join(SOURCE, "configs", "compare", "quickstart.toml")
        self.duet("train", settings, "--method", "dual", "--out", "run",
                  *[word for setting in TINY for word in ("--set", setting)])
        policies = [entry["seed"] for entry in json.loads(self.duet("evaluate", "run", "--json").stdout)]
        self.assertEqual(policies, [0, 0, 1, 1])
        returns = []
        for member in range(4):
            found = json.loads(self.duet("record", "run", *SMALL, "--out", f"{member}.mp4", "--member", str(member),
                                         "--json").stdout)
            self.assertEqual((found["env"], found["policy"]), ("InvertedPendulum-v5", "trained"))
            self.assertPlayable(f"{member}.mp4")
            returns.append(found["episodes"][0]["return"])
        again = json.loads(self.duet("record", "run", *SMALL, "--out", "0.mp4", "--json").stdout)
        self.assertEqual(again["episodes"][0]["return"], returns[0])
        text = self.duet("record", "run", *SMALL, "--out", "0.mp4").stdout
        self.assertIn("InvertedPendulum-v5, trained policy; drawn by MuJoCo on ", text)
        for name in os.listdir(self.folder):
            if name.endswith(".mp4"):
                os.remove(self.path(name))
        self.assertEqual(self.refused("run", "--out", "a.mp4", "--member", "4"),
                         "--member 4: run/methods/dual has 4 trained policies; allowed is 0 to 3, in the order of `evaluate`")

    def test_nonsense_is_refused_in_one_line(self):
        self.assertRegex(self.refused("Hoper-v5", *RANDOM, "--out", "a.mp4"),
                         "^Hoper-v5: is neither the folder of a run nor an environment; known environments are .*Hopper-v5")
        self.assertEqual(self.refused("Hopper-v5", "--out", "a.mp4"),
                         "Hopper-v5: an environment has no trained policy; allowed are --policy random, or a run's folder")
        self.assertEqual(self.refused("Hopper-v5", *RANDOM, "--out", "a.avi"),
                         "a.avi: is no name for a video; allowed is one that ends in .mp4, .mkv, .webm")
        self.assertIn("no policy.safetensors", self.refused(".", "--out", "a.mp4"))
        self.assertEqual(self.refused("Hopper-v5", *RANDOM, "--out", "a.mp4", "--option", "frame_skip"),
                         "--option frame_skip: is not of the form key=value, as in frame_skip=2")
        self.assertIn("nonsense", self.refused("Hopper-v5", *RANDOM, "--out", "a.mp4", "--option", "nonsense=1"))
        for arguments in (["--fps", "0"], ["--width", "8"], ["--episodes", "0"], ["--seed", "-1"], ["--policy", "best"]):
            self.assertIn(arguments[0], self.refused("Hopper-v5", "--policy", "random", "--out", "a.mp4", *arguments))

    def test_without_opengl_a_line_says_what_to_install(self):
        environment = {**os.environ, "MUJOCO_GL": "egl", "__EGL_VENDOR_LIBRARY_DIRS": self.folder}
        self.assertRegex(self.refused("Hopper-v5", *RANDOM, "--out", "a.mp4", env=environment),
                         "^pictures of MuJoCo tasks need OpenGL, and .*; install OSMesa .* or EGL ")
        environment["MUJOCO_GL"] = "screen"
        self.assertIn("MUJOCO_GL=screen", self.refused("Hopper-v5", *RANDOM, "--out", "a.mp4", env=environment))

    def test_an_unwritable_place_is_one_line(self):
        self.need_opengl()
        self.assertEqual(self.refused("Hopper-v5", *RANDOM, "--out", "none/a.mp4"),
                         "none/a.mp4: cannot write: No such file or directory")

    def test_an_interruption_leaves_no_file(self):
        self.need_opengl()
        process = subprocess.Popen([PROGRAM, "record", "HalfCheetah-v5", *RANDOM, "--out", "a.mp4", "--episodes", "1000"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        while process.poll() is None and not os.listdir(self.folder):
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        error = process.communicate()[1]
        self.assertEqual(process.returncode, 130, error)
        self.assertEqual(error.splitlines()[-1], "duet: interrupted; no video was written")
        self.assertEqual(os.listdir(self.folder), [])


if __name__ == "__main__":
    unittest.main()
