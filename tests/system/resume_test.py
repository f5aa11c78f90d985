"""Every agent in every environment that it can act in, killed and resumed: N steps, SIGKILL, the rest, equals all of it.

Run by ctest, one entry per agent: resume_test.py PROGRAM SOURCE_DIR ResumeTest.test_AGENT.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

SETTINGS = """name = "run"
seeds = [0, 1]
device = "cpu"
[env]
id = "{env}"
per_learner = {envs}
max_episode_steps = 40
[env.options]
{options}
[training]
env_steps_total = 240
warmup_steps = 40
checkpoint_seconds = 0
[evaluation]
every = 120
episodes = 1
[agent]
algorithm = "{algorithm}"
hidden = [8]
batch_size = 16
{agent}
[[methods]]
name = "alone"
"""
# An agent's own settings, so that a run of so few steps does everything that it does.
AGENT = {"ppo": "rollout_steps = 16", "dqn": "target_update_interval = 7", "td3": "policy_delay = 3",
         "sac": "n_step = 3\nnormalize_observations = true", "crossq": "critic_hidden = [8]\npolicy_delay = 3",
         "ddpg": "noise.kind = \"ornstein_uhlenbeck\"\nnormalize_observations = true"}


def environments():
    """(id, options, whether actions are discrete) of every task, also as it can be turned into by its options."""
    listed = json.loads(subprocess.run([PROGRAM, "env", "list", "--json"], text=True, capture_output=True, check=True)
                        .stdout)
    for row in listed:
        yield row["id"], "", row["num_actions"] > 0
        if row["id"] == "LunarLander-v3":
            yield row["id"], "continuous = true", False


class ResumeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="duet-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def train(self, *arguments):
        done = subprocess.run([PROGRAM, "train", *arguments], cwd=self.folder, text=True, capture_output=True,
                              timeout=200, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def kill_after_a_checkpoint(self, *arguments):
        """Whether it was still running then."""
        with subprocess.Popen([PROGRAM, "train", *arguments, "--out", "killed"], cwd=self.folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            checkpoint = self.path("killed", "methods", "alone", "checkpoints", "latest.safetensors")
            while process.poll() is None and not os.path.exists(checkpoint):
                time.sleep(0.002)
            running = process.poll() is None
            process.kill()
        return running

    def check(self, algorithm, kinds):
        tried, killed = 0, 0
        for env, options, discrete in environments():
            if discrete not in kinds:
                continue
            with self.subTest(env, discrete=discrete):
                with open(self.path("run.toml"), "w", encoding="utf-8") as file:
                    file.write(SETTINGS.format(env=env, options=options, algorithm=algorithm, agent=AGENT[algorithm],
                                               envs=3 if algorithm == "ppo" else 1))
                for out in ("whole", "killed"):
                    shutil.rmtree(self.path(out), ignore_errors=True)
                self.train("run.toml", "--out", "whole", "--set", "training.checkpoint_seconds=1000")
                tried += 1
                killed += self.kill_after_a_checkpoint("run.toml")
                self.train("--resume", "killed")
                for name in ("metrics.csv", "policy.safetensors"):
                    with open(self.path("whole/methods/alone", name), "rb") as whole, \
                            open(self.path("killed/methods/alone", name), "rb") as other:
                        self.assertEqual(whole.read(), other.read(), name)
        # A kill that comes when the run is over shows nothing.
        print(f"{algorithm}: {tried} environments, killed under way in {killed}")
        self.assertGreaterEqual(tried, 2)
        self.assertGreaterEqual(killed, tried - tried // 4)

    def test_ddpg(self):
        self.check("ddpg", [False])

    def test_td3(self):
        self.check("td3", [False])

    def test_sac(self):
        self.check("sac", [False])

    def test_crossq(self):
        self.check("crossq", [False])

    def test_ppo(self):
        self.check("ppo", [False, True])

    def test_dqn(self):
        self.check("dqn", [True])


if __name__ == "__main__":
    unittest.main()
