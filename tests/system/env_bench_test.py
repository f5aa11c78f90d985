"""Speed with a trained policy.

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


if __name__ == "__main__":
    unittest.main()
