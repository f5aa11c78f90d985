"""What the generators of recorded episodes share: the form of the files, which `duet env replay` reads."""

import importlib
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent.parent / "envs" / "data" / "traces"


def start(env, variant, seed, options, state, observation, engine=None):
    """A trace of an episode that was just reset; `engine` is the module that simulates it."""
    modules = ["gymnasium", "numpy"] + ([engine] if engine else [])
    return {
        "format": 1, "env": env.spec.id, "variant": variant, "seed": seed, "kwargs": options, "reset_options": None,
        "versions": {name: importlib.import_module(name).__version__ for name in modules},
        "max_episode_steps": env.spec.max_episode_steps, "state0": state, "obs0": observation.tolist(), "actions": [],
        "obs_t": [], "obs": [], "reward": [], "terminated": [], "truncated": [], "states": [],
    }


def step(env, trace, action):
    """Takes a step and writes down all but its observation, which it returns, and whether the episode ended."""
    observation, reward, terminated, truncated, _ = env.step(action)
    trace["actions"].append(action if isinstance(action, int) else action.tolist())
    trace["reward"].append(float(reward))
    trace["terminated"].append(bool(terminated))
    trace["truncated"].append(bool(truncated))
    return observation, terminated or truncated


def add_observation(trace, observation):
    trace["obs_t"].append(len(trace["actions"]))
    trace["obs"].append(observation.tolist())


def write(folder, trace):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{trace['env']}__{trace['variant']}__s{trace['seed']}.json"
    (folder / name).write_text(json.dumps(trace, separators=(",", ":")) + "\n")
