"""Speed with a trained policy, and the script that measures everything.

Run by ctest, one entry per test: env_bench_test.py PROGRAM SOURCE_DIR [EnvBenchTest.test_name].
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

TINY = ["training.env_steps_total=600", "training.warmup_steps=50", "evaluation.every=300", "evaluation.episodes=1",
        "agent.hidden=[8]", "agent.batch_size=8", "seeds=[0,1]"]
SHORT = ["--envs", "4", "--threads", "2", "--seconds", "0.02"]


class EnvBenchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="duet-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def run_program(self, *command, code=0):
        done = subprocess.run(command, cwd=self.folder, text=True, capture_output=True, timeout=200)
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}\n{done.stderr}")
        return done

    def compare(self):
        config = os.path.join(SOURCE, "configs", "compare", "quickstart.toml")
        settings = [word for setting in TINY for word in ("--set", setting)]
        self.run_program(PROGRAM, "compare", config, "--out", "run", *settings)

    def test_a_trained_policy_chooses_the_actions(self):
        self.compare()
        run = os.path.join("run", "methods", "alone")
        for path in (run, os.path.join(run, "policy.safetensors")):
            found = json.loads(self.run_program(PROGRAM, "env", "bench", "InvertedPendulum-v5", "--policy", path, *SHORT,
                                                "--json").stdout)
            self.assertEqual(found["actions"], path)
            self.assertGreater(found["ratio"], 0)
        for name, path, message in (
                ("Hopper-v5", run, "trained on InvertedPendulum-v5"),
                ("InvertedPendulum-v5", "run", "holds 3 runs; allowed is the folder of one, as in run/methods/alone"),
                ("InvertedPendulum-v5", "missing", "missing")):
            done = self.run_program(PROGRAM, "env", "bench", name, "--policy", path, *SHORT, code=2)
            self.assertIn(message, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_the_script_prints_a_table(self):
        script = os.path.join(SOURCE, "benchmarks", "envs", "stepping.py")
        done = self.run_program(sys.executable, "-B", script, "--program", PROGRAM, "--id", "Hopper-v5", "--turns", "2",
                                "--seconds", "0.02", "--ready", "50", "--json", "found.json")
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual({line.count("|") for line in lines}, {11})
        self.assertTrue(lines[2].startswith("| Hopper-v5 | random | mj_step |"))
        with open(os.path.join(self.folder, "found.json"), encoding="utf-8") as file:
            rows = json.load(file)
        self.assertEqual(sorted({(row["envs"], row["threads"], row["ready"]) for row in rows}),
                         [(1, 1, 0), (8, 2, 0), (8, 2, 4), (64, 1, 0), (64, 1, 32), (64, 2, 0), (64, 2, 32)])
        self.assertEqual(len(rows), 14)


if __name__ == "__main__":
    unittest.main()
