#!/usr/bin/env python3
"""Writes the first observations of Gymnasium's episodes: two seeds, and resets without one after.

Needs gymnasium 1.4 with mujoco and box2d, and numpy 2. Usage: generate_starts.py OUT.json
"""

import json
import sys

import gymnasium
import numpy

IDS = [
    "Acrobot-v1", "Ant-v5", "BipedalWalker-v3", "BipedalWalkerHardcore-v3", "CartPole-v1",
    "HalfCheetah-v5", "Hopper-v5", "Humanoid-v5", "HumanoidStandup-v5", "InvertedDoublePendulum-v5",
    "InvertedPendulum-v5", "LunarLander-v3", "MountainCarContinuous-v0", "Pendulum-v1", "Pusher-v5",
    "Reacher-v5", "Swimmer-v5", "Walker2d-v5",
]
SEEDS = [0, 2**40 + 3]
STEPS = 3  # of zero actions, between the episodes


def starts(env_id, seed):
    env = gymnasium.make(env_id)
    zero = numpy.zeros(env.action_space.shape, env.action_space.dtype)
    action = 0 if isinstance(env.action_space, gymnasium.spaces.Discrete) else zero
    rows = [env.reset(seed=seed)[0].tolist()]
    # A walker's world is reused by Gymnasium, so its later episodes depend on the earlier ones.
    for _ in range(0 if env_id.startswith("Bipedal") else 2):
        for _ in range(STEPS):
            env.step(action)
        rows.append(env.reset()[0].tolist())
    return rows


def shorten(row):
    """Numbers after the first 47 of a humanoid follow from these."""
    return row[:47]


def main():
    episodes = {
        env_id: [{"seed": seed, "observations": [shorten(row) for row in starts(env_id, seed)]}
                 for seed in SEEDS]
        for env_id in IDS
    }
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump({"steps": STEPS, "episodes": episodes}, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
