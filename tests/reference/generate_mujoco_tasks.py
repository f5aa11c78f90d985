"""Writes tests/envs/data/mujoco_tasks.json: options, spaces and first states of Gymnasium's tasks.

    pip install gymnasium[mujoco]==1.4.0 mujoco==3.17.0 numpy==2.4.6
    python3 tests/reference/generate_mujoco_tasks.py

"resets" has, for each seed, the states after a reset with that seed, after another without a seed,
and after two steps and one more. "digest" is the sum of bits(i) * (2 i + 1) modulo 2^64 over the
observation, where bits(i) is number i as a 64-bit pattern.
"""

import inspect
import json
import math
import pathlib

import gymnasium
import numpy as np

IDS = ["Ant-v5", "HalfCheetah-v5", "Hopper-v5", "Humanoid-v5", "HumanoidStandup-v5",
       "InvertedDoublePendulum-v5", "InvertedPendulum-v5", "Pusher-v5", "Reacher-v5", "Swimmer-v5",
       "Walker2d-v5"]
SEEDS = [0, 12345, 2**40 + 3, 2**64 - 1]
# What a task is drawn from and how it is shown are no options of a task.
OTHER_ARGUMENTS = {"self", "xml_file", "default_camera_config", "kwargs"}


def plain(value):
    """As JSON, which has no infinite numbers."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def options_of(env_id):
    entry = gymnasium.spec(env_id).entry_point
    constructor = gymnasium.envs.registration.load_env_creator(entry).__init__
    return {name: plain(parameter.default)
            for name, parameter in inspect.signature(constructor).parameters.items()
            if name not in OTHER_ARGUMENTS}


def reset(env, seed):
    observation, _ = env.reset(seed=seed)
    bits = (observation + 0.0).view(np.uint64)
    factors = 2 * np.arange(len(bits), dtype=np.uint64) + np.uint64(1)
    data = env.unwrapped.data
    return {"qpos": data.qpos.tolist(), "qvel": data.qvel.tolist(),
            "digest": int((bits * factors).sum(dtype=np.uint64))}


def resets_of(env, seed):
    resets = [reset(env, seed), reset(env, None)]
    for _ in range(2):
        env.step(np.zeros(env.action_space.shape, np.float32))
    return {"seed": seed, "states": resets + [reset(env, None)]}


def task(env_id):
    env = gymnasium.make(env_id)
    return {"id": env_id, "observation_size": env.observation_space.shape[0],
            "action_low": env.action_space.low.tolist(),
            "action_high": env.action_space.high.tolist(),
            "max_episode_steps": env.spec.max_episode_steps, "step_seconds": env.unwrapped.dt,
            "options": options_of(env_id), "resets": [resets_of(env, seed) for seed in SEEDS]}


def main():
    rows = ",\n".join(json.dumps(task(env_id), separators=(",", ":")) for env_id in IDS)
    path = pathlib.Path(__file__).parent.parent / "envs" / "data" / "mujoco_tasks.json"
    path.write_text("[\n" + rows + "\n]\n")


if __name__ == "__main__":
    main()
