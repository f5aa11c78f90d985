"""What TensorBoard shows of a run: the names that Stable-Baselines3 gives to the same curves.

Run by ctest, one entry per test: tensorboard_test.py PROGRAM SOURCE_DIR [TensorBoardTest.test_name].
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.extend(os.environ.get("DUET_TEST_PYTHONPATH", "").split(os.pathsep))
try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    EventAccumulator = None

PROGRAM, SOURCE = sys.argv.pop(1), sys.argv.pop(1)

EVERYWHERE = {"rollout/ep_rew_mean", "rollout/ep_len_mean", "time/fps", "time/total_timesteps", "train/n_updates",
              "eval/mean_reward", "eval/mean_ep_length"}
# What Stable-Baselines3's implementation of the same algorithm logs beside these.
BY_ALGORITHM = {
    "ddpg": {"train/actor_loss", "train/critic_loss"},
    "td3": {"train/actor_loss", "train/critic_loss"},
    "sac": {"train/actor_loss", "train/critic_loss", "train/ent_coef", "train/ent_coef_loss"},
    "crossq": {"train/actor_loss", "train/critic_loss", "train/ent_coef", "train/ent_coef_loss"},
    "ppo": {"train/approx_kl", "train/clip_fraction", "train/entropy_loss", "train/explained_variance",
            "train/policy_gradient_loss", "train/value_loss", "train/learning_rate"},
    "dqn": {"train/loss", "rollout/exploration_rate"},
}
SETTINGS = """seeds = [3, 4]
device = "cpu"
env.id = "{env}"
[training]
env_steps_total = 400
warmup_steps = 50
[evaluation]
every = 200
episodes = 2
[agent]
algorithm = "{algorithm}"
hidden = [8]
"""
# What else keeps a run short.
SMALL = {"ppo": "rollout_steps = 64\n", "crossq": "critic_hidden = [8]\n"}


def algorithms():
    """The words that the program has for agent.algorithm."""
    text = subprocess.run([PROGRAM, "train", "--help"], text=True, capture_output=True, check=True).stdout
    line = next(line for line in text.splitlines() if line.strip().startswith("algorithm = "))
    return line[line.rindex("(") + 1:line.rindex(")")].split(" | ")


@unittest.skipIf(EventAccumulator is None, "no Python package tensorboard")
class TensorBoardTest(unittest.TestCase):
    def test_curves_of_every_algorithm_have_their_usual_names(self):
        for algorithm in algorithms():
            with self.subTest(algorithm):
                folder = tempfile.mkdtemp(prefix="duet-test-")
                self.addCleanup(shutil.rmtree, folder)
                env = "CartPole-v1" if algorithm == "dqn" else "InvertedPendulum-v5"
                with open(os.path.join(folder, "a.toml"), "w", encoding="utf-8") as file:
                    file.write(SETTINGS.format(env=env, algorithm=algorithm))
                    file.write(SMALL.get(algorithm, ""))
                done = subprocess.run([PROGRAM, "train", "a.toml", "--out", "run"], cwd=folder, text=True,
                                      capture_output=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                method = os.path.join(folder, "run", "methods", "alone")
                files = glob.glob(os.path.join(method, "events", "seed_*", "learner_0", "*"))
                self.assertEqual(len(files), 2)
                for path in files:
                    self.check(path, algorithm, method)

    def check(self, path, algorithm, method):
        events = EventAccumulator(path).Reload()
        self.assertLessEqual(EVERYWHERE | BY_ALGORITHM[algorithm], set(events.Tags()["scalars"]))
        with open(os.path.join(method, "result.json"), encoding="utf-8") as file:
            result = json.load(file)
        seed = 0 if "seed_3" in path else 1
        for tag, expected in (
                ("eval/mean_reward", [point["returns"][seed][0] for point in result["evaluations"]]),
                ("eval/mean_ep_length", [point["values"]["eval_length"][seed][0] for point in result["diagnostics"]]),
                ("time/total_timesteps", [0, 200, 400])):
            shown = events.Scalars(tag)
            self.assertEqual([scalar.step for scalar in shown], [0, 200, 400], tag)
            for scalar, value in zip(shown, expected):
                self.assertAlmostEqual(scalar.value, value, delta=1e-5 * max(1.0, abs(value)), msg=tag)


if __name__ == "__main__":
    unittest.main()
