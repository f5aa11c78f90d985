#!/usr/bin/env python3
"""Records episodes of Gymnasium's tasks of plain equations as trace files.

Needs gymnasium 1.4 and numpy 2. Usage: generate_classic_traces.py FOLDER [--many]
Without --many it writes the files that lie in tests/envs/data/traces.
"""

import sys

import gymnasium
import numpy

import traces

STATE_INTERVAL = 20

# (variant, seed, constructor options, reset options, factor of the actions' range, steps)
KEPT = {
    "Acrobot-v1": ("default", 11, {}, None, 1.0, 60),
    "CartPole-v1": ("sutton", 11, {"sutton_barto_reward": True}, None, 1.0, 100),
    "MountainCarContinuous-v0": ("beyond", 11, {}, None, 2.5, 60),
    "Pendulum-v1": ("gravity", 11, {"g": 9.81}, None, 1.7, 60),
}
OPTIONS = {
    "Acrobot-v1": [{}],
    "CartPole-v1": [{}, {"sutton_barto_reward": True}],
    "MountainCarContinuous-v0": [{}, {"goal_velocity": 0.07}, {"goal_velocity": 0.01}],
    "Pendulum-v1": [{}, {"g": 9.81}, {"g": 1.62}],
}


class RandomPolicy:
    """Uniform actions, scaled beyond the range; each is kept for a while, so that goals are met."""

    def __init__(self, env, seed, factor, hold):
        self.space = env.action_space
        self.rng = numpy.random.default_rng([seed, 1])
        self.factor = factor
        self.hold = hold
        self.step = 0
        self.action = None

    def __call__(self, observation):
        if self.step % self.hold == 0:
            if isinstance(self.space, gymnasium.spaces.Discrete):
                self.action = int(self.rng.integers(self.space.n))
            else:
                drawn = self.rng.uniform(self.space.low, self.space.high) * self.factor
                self.action = drawn.astype(numpy.float32)
        self.step += 1
        return self.action


def push_along(observation):
    """A full force in the direction of motion reaches the top of the hill."""
    return numpy.array([1.0 if observation[1] >= 0 else -1.0], dtype=numpy.float32)


def recorded_state(env):
    state = env.unwrapped.state
    return {"state": [float(number) for number in state], "dtype": str(state.dtype)}


def record(env_id, variant, seed, kwargs, reset_options, factor, max_steps, hold=1, policy=None):
    env = gymnasium.make(env_id, **kwargs)
    observation, _ = env.reset(seed=seed, options=reset_options)
    policy = policy or RandomPolicy(env, seed, factor, hold)
    trace = traces.start(env, variant, seed, kwargs, recorded_state(env), observation)
    trace["reset_options"] = reset_options
    for step in range(1, max_steps + 1):
        observation, ended = traces.step(env, trace, policy(observation))
        traces.add_observation(trace, observation)
        if step % STATE_INTERVAL == 0 or ended:
            trace["states"].append({"t": step, **recorded_state(env)})
        if ended:
            break
    return trace


def main():
    folder = sys.argv[1]
    if "--many" not in sys.argv:
        for env_id, arguments in KEPT.items():
            traces.write(folder, record(env_id, *arguments))
        return
    for env_id, options in OPTIONS.items():
        for i, kwargs in enumerate(options):
            for seed in (3, 77, 123456789, 2**63 + 5):
                for factor, hold in ((1.0, 1), (3.0, 7)):
                    variant = f"o{i}f{factor:g}"
                    traces.write(folder, record(env_id, variant, seed, kwargs, None, factor, 2000, hold))
    for seed, kwargs in enumerate(OPTIONS["MountainCarContinuous-v0"]):
        traces.write(
            folder,
            record("MountainCarContinuous-v0", "goal", seed, kwargs, None, 1.0, 2000,
                   policy=push_along),
        )
    resets = {
        "Acrobot-v1": {"low": -0.05, "high": 0.02},
        "CartPole-v1": {"low": -0.2, "high": 0.1},
        "MountainCarContinuous-v0": {"low": -1.1, "high": 0.3},
        "Pendulum-v1": {"x_init": 1.0, "y_init": 3.0},
    }
    for env_id, reset_options in resets.items():
        traces.write(folder, record(env_id, "reset", 5, {}, reset_options, 1.5, 2000, hold=3))


if __name__ == "__main__":
    main()
