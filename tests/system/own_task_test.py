"""A task of one's own and options of a task, through every command that makes environments.

Run by ctest, one entry per test: own_task_test.py PROGRAM SOURCE_DIR [OwnTaskTest.test_name].
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

TINY = ["training.env_steps_total=600", "training.warmup_steps=50", "evaluation.every=300", "evaluation.episodes=2",
        "evaluation.seed=5", "agent.hidden=[8]", "agent.batch_size=8", "seeds=[0]", "device=cpu"]


class OwnTaskTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="duet-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.mkdir(os.path.join(self.folder, "mine"))
        for name in ("beam.toml", "beam.xml"):
            shutil.copy(os.path.join(SOURCE, "configs", "tasks", name), os.path.join(self.folder, "mine"))

    def duet(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, text=True, capture_output=True, timeout=200)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def train(self, out, *settings, config=os.path.join("mine", "beam.toml"), method="alone"):
        words = [word for setting in (*TINY, *settings) for word in ("--set", setting)]
        self.duet("train", config, "--method", method, "--out", out, *words)

    def result(self, run, method="alone"):
        with open(os.path.join(self.folder, run, "methods", method, "result.json"), encoding="utf-8") as file:
            return json.load(file)

    def evaluate(self, run):
        """Returns of the two episodes that the training ended with."""
        return json.loads(self.duet("evaluate", run, "--episodes", "2", "--seed", "5", "--json").stdout)[0]

    def assertEvaluatesAsInTraining(self, run, method="alone"):
        last = self.result(run, method)["evaluations"][-1]["returns"][0][0]
        self.assertAlmostEqual(self.evaluate(run)["mean"], last, delta=1e-6 * max(1.0, abs(last)))

    def quickstart(self):
        return os.path.join(SOURCE, "configs", "compare", "quickstart.toml")

    def test_a_model_file_is_trained_evaluated_resumed_and_teaches(self):
        self.train("run")
        self.assertEqual(self.evaluate("run")["env"], "mjcf:beam.xml")
        self.assertEvaluatesAsInTraining("run")
        before = self.result("run")["parameters_sha256"]
        os.remove(os.path.join(self.folder, "run", "methods", "alone", "result.json"))
        self.duet("train", "--resume", "run")
        self.assertEqual(self.result("run")["parameters_sha256"], before)
        for source in ("student_states", "teacher_replay", "teacher_rollouts"):
            student = f"student_{source}"
            self.train(student, "methods.0.kind=teacher", "methods.0.teacher.run=run",
                       f"methods.0.teacher.source={source}", "methods.0.teacher.rollout_steps=100")
            self.assertEvaluatesAsInTraining(student)

    def test_the_same_task_elsewhere_gives_the_same_parameters(self):
        self.train("run")
        os.rename(os.path.join(self.folder, "mine"), os.path.join(self.folder, "yours"))
        self.train("other", config=os.path.join("yours", "beam.toml"))
        self.assertEqual(self.result("run")["parameters_sha256"], self.result("other")["parameters_sha256"])

    def test_a_model_file_is_recorded_and_timed(self):
        self.train("run")
        recorded = subprocess.run([PROGRAM, "record", "run", "--out", "a.mp4", "--width", "32", "--seed", "5", "--json"],
                                  cwd=self.folder, text=True, capture_output=True)
        if "need OpenGL" not in recorded.stderr:
            self.assertEqual(recorded.returncode, 0, recorded.stderr)
            episode = json.loads(recorded.stdout)["episodes"][0]
            self.assertAlmostEqual(episode["return"], self.evaluate("run")["returns"][0], delta=1e-4)
        found = json.loads(self.duet("env", "bench", "mjcf:mine/beam.xml", "--policy", "run", "--seconds", "0.02",
                                     "--envs", "2", "--json").stdout)
        self.assertGreater(found["ratio"], 0)

    def test_options_and_wrappers_reach_training_evaluation_and_teachers(self):
        settings = ("env.id=Hopper-v5", "env.options.healthy_reward=50", "env.max_episode_steps=20",
                    "env.wrappers.frame_stack=2", "env.wrappers.action_delay=1")
        self.train("run", *settings, config=self.quickstart())
        self.assertGreater(self.result("run")["evaluations"][0]["returns"][0][0], 500)
        self.assertEvaluatesAsInTraining("run")
        # Other options with the same sizes are another task to teach on; other sizes are not.
        teacher = ("methods.1.teacher.run=run",)
        self.train("student", *settings, *teacher, "env.options.healthy_reward=2", config=self.quickstart(),
                   method="teacher")
        self.assertEvaluatesAsInTraining("student", "teacher")
        refused = self.duet("train", self.quickstart(), "--method", "teacher", "--out", "x", "--set",
                            "env.id=Hopper-v5", "--set", teacher[0], code=2)
        self.assertIn("was trained on Hopper-v5 (22 observations", refused.stderr)
        self.assertEqual(refused.stderr.count("\n"), 1)
        bench = self.duet("env", "bench", "Hopper-v5", "--policy", "run", code=2)
        self.assertIn("env.wrappers", bench.stderr)

    def test_a_model_that_changed_its_sizes_is_refused(self):
        self.train("run")
        path = os.path.join(self.folder, "mine", "beam.xml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('<joint name="ball" type="slide" axis="1 0 0" damping="0.02"/>',
                                    '<joint name="ball" type="slide" axis="1 0 0"/><joint name="up" type="slide"/>'))
        for command in (("evaluate", "run"), ("record", "run", "--out", "a.mp4")):
            refused = self.duet(*command, code=2)
            self.assertIn("is for 4 observations and 1 actions", refused.stderr)
            self.assertEqual(refused.stderr.count("\n"), 1)

    def test_the_settings_in_the_docs_are_accepted(self):
        with open(os.path.join(SOURCE, "docs", "environments.md"), encoding="utf-8") as file:
            blocks = [piece.split("```")[0] for piece in file.read().split("```toml\n")[1:]]
        self.assertGreaterEqual(len(blocks), 2)
        for i, block in enumerate(blocks):
            name = os.path.join("mine", f"docs{i}.toml")
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(block + "\n[[methods]]\nname = \"alone\"\n")
            self.train(f"docs{i}", config=name)

    def test_mistakes_are_one_line(self):
        for setting, message in (
                ("env.task.observation=[\"qpos:bal\"]", "--set env.task.observation.0: \"qpos:bal\" names no joint; "
                                                        "the model's joints are tilt, ball"),
                ("env.task.observation=[]", "nothing is observed"),
                ("env.task.reward.1.signal=qpos[9]", "out of range"),
                ("env.task.reward.2.signal=sensor:place[3]", "out of range"),
                ("env.task.frame_skip=0", "outside [1, 1000]"),
                ("env.id=mjcf:none.xml", "none.xml: cannot read: No such file or directory"),
                ("env.id=mjcf:beam.toml", "MuJoCo: ")):
            refused = self.duet("train", "mine/beam.toml", "--set", setting, code=2)
            self.assertIn(message, refused.stderr)
            self.assertEqual(refused.stderr.count("\n"), 1, refused.stderr)


if __name__ == "__main__":
    unittest.main()
