"""Writes tests/envs/data/wrappers.json: short episodes through Gymnasium's wrappers.

    pip install gymnasium[mujoco]==1.4.0 mujoco==3.17.0 numpy==2.4.6
    python3 tests/reference/generate_wrappers.py

Each case has rows: of a reset ("seed", null where it goes on) or of a step ("action"), with the observation,
the reward, and for episode statistics what `info` says at an end.
"""

import json
import pathlib

import gymnasium
import numpy as np
from gymnasium import wrappers

SEED = 3


class Actions:
    def __init__(self, space, reach):
        self._space, self._reach, self._rng = space, reach, np.random.default_rng(SEED)

    def __call__(self):
        if isinstance(self._space, gymnasium.spaces.Discrete):
            return int(self._rng.integers(self._space.n))
        # Not env.action_space's own bounds: a clipping wrapper's are infinite.
        return (self._reach * self._rng.uniform(-1.0, 1.0, self._space.shape)).astype(np.float32)


def plain(observation):
    return np.ravel(observation).tolist()


def row_of_step(env, action):
    observation, reward, terminated, truncated, info = env.step(action)
    row = {"action": action if isinstance(action, int) else action.tolist(), "observation": plain(observation),
           "reward": float(reward), "ended": bool(terminated or truncated)}
    if "episode" in info:
        row["episode"] = {"return": float(info["episode"]["r"]), "length": info["episode"]["l"]}
    return row


def play(env, limit, steps, reach):
    """Episodes one after the other: the first two from a seed, the others going on."""
    actions = Actions(env.action_space, reach)
    rows, left, seeds = [], 0, [SEED, SEED + 1]
    while len(rows) < steps:
        if left == 0:
            seed = seeds.pop(0) if seeds else None
            rows.append({"seed": seed, "observation": plain(env.reset(seed=seed)[0])})
            left = limit
        rows.append(row_of_step(env, actions()))
        left = 0 if rows[-1]["ended"] else left - 1
    return rows


def frozen(wrapper):
    """A wrapper whose statistics stop after some numbers."""
    def wrap(env):
        wrapped = wrapper(env)
        for seed in range(5):
            wrapped.reset(seed=seed)
            for _ in range(4):
                wrapped.step(wrapped.action_space.low * 0.5)
        wrapped.update_running_mean = False
        return wrapped
    return wrap


CASES = {  # id, wrapper, limit, steps, reach of actions
    "RescaleAction": ("Pendulum-v1", lambda env: wrappers.RescaleAction(env, -0.3, 0.7), 6, 14, 1.0),
    "RescaleActionInexact": ("InvertedPendulum-v5", lambda env: wrappers.RescaleAction(env, -0.1, 1.1), 6, 14, 1.3),
    "ClipAction": ("HalfCheetah-v5", wrappers.ClipAction, 5, 10, 2.5),
    "FrameStack": ("Pendulum-v1", lambda env: wrappers.FrameStackObservation(env, 3), 5, 14, 2.0),
    "DelayObservation": ("CartPole-v1", lambda env: wrappers.DelayObservation(env, 2), 5, 14, 1.0),
    "NormalizeObservation": ("Hopper-v5", wrappers.NormalizeObservation, 6, 20, 1.0),
    "NormalizeObservationFloat": ("Pendulum-v1", wrappers.NormalizeObservation, 10, 40, 2.0),
    "NormalizeObservationFrozen": ("Hopper-v5", frozen(wrappers.NormalizeObservation), 6, 12, 1.0),
    "NormalizeReward": ("InvertedPendulum-v5", wrappers.NormalizeReward, 8, 40, 3.0),
    "NormalizeRewardGamma": ("HalfCheetah-v5", lambda env: wrappers.NormalizeReward(env, 0.5, 0.01), 5, 20, 1.0),
    "NormalizeRewardFrozen": ("HalfCheetah-v5", frozen(wrappers.NormalizeReward), 5, 10, 1.0),
    "EpisodeStatistics": ("CartPole-v1", wrappers.RecordEpisodeStatistics, 20, 60, 1.0),
}


def case(env_id, wrap, limit, steps, reach):
    env = wrap(gymnasium.make(env_id, max_episode_steps=limit))
    return {"id": env_id, "limit": limit, "rows": play(env, limit, steps, reach)}


def main():
    cases = [json.dumps({"name": name} | case(*arguments), separators=(",", ":"))
             for name, arguments in CASES.items()]
    path = pathlib.Path(__file__).parent.parent / "envs" / "data" / "wrappers.json"
    path.write_text("[\n" + ",\n".join(cases) + "\n]\n")


if __name__ == "__main__":
    main()
