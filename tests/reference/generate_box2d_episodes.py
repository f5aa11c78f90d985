"""Writes how Gymnasium's Box2D episodes go on without a new seed, each in a fresh environment.

    python generate_box2d_episodes.py > ../envs/data/box2d_episodes.json

Gymnasium's walker keeps its world over resets, and its later episodes depend on the earlier ones through it.
Here every episode gets an environment of its own, with the generator of the one before. Needs gymnasium 1.4.0,
box2d 2.3.10 and NumPy 2.
"""

import json

import gymnasium
import numpy as np

TASKS = [("LunarLander-v3", {"continuous": True, "enable_wind": True}, [0.6, -0.8]),
         ("LunarLander-v3", {}, 2),
         ("BipedalWalker-v3", {}, [0.3, -0.4, 0.5, 1.0]),
         ("BipedalWalkerHardcore-v3", {}, [1.0, -0.2, 0.0, 0.7])]
SEED, EPISODES, STEPS = 77, 4, 25


def main():
    tasks = []
    for env_id, options, action in TASKS:
        generator = gymnasium.utils.seeding.np_random(SEED)[0]
        episodes = []
        for _ in range(EPISODES):
            env = gymnasium.make(env_id, **options)
            env.unwrapped._np_random = generator
            first, _ = env.reset()
            for _ in range(STEPS):
                last, *_ = env.step(action if isinstance(action, int) else np.array(action, dtype=np.float32))
            episodes.append({"first": first.tolist(), "last": last.tolist()})
        tasks.append({"id": env_id, "options": options, "action": action, "episodes": episodes})
    print(json.dumps({"seed": SEED, "steps": STEPS, "tasks": tasks}, indent=1))


main()
