"""Writes episodes of Gymnasium's Box2D tasks as traces, for `duet env replay` and the tests.

    python generate_box2d_traces.py FOLDER [NAME …]

Needs gymnasium 1.4.0, box2d 2.3.10 and NumPy 2. Without names, every variant below is written.
"""

import sys

import gymnasium
import numpy as np
from gymnasium.envs.box2d.bipedal_walker import BipedalWalkerHeuristics
from gymnasium.envs.box2d.lunar_lander import heuristic as lander_heuristic

import traces


class Recorder:
    """A NumPy generator that keeps what it drew."""

    def __init__(self, generator):
        self._generator = generator
        self.draws = []

    def __getattr__(self, name):
        def draw(*arguments, **options):
            value = getattr(self._generator, name)(*arguments, **options)
            self.draws.append((name, np.array(value).tolist()))
            return value
        return draw

    def uniforms(self):
        return [value for name, value in self.draws if name == "uniform"]


def lander_start(env, draws, wind):
    uniforms = draws.uniforms()
    indices = [value for name, value in draws.draws if name == "integers"]
    return {"height": uniforms[0], "initial_force": uniforms[1:3], "reset_step_draws": uniforms[3:5],
            "wind_idx": indices[0] if wind else None, "torque_idx": indices[1] if wind else None}


def walker_start(env, draws):
    shapes = [body.fixtures[0].shape for body in reversed(env.terrain)]
    polygons = [[list(corner) for corner in shape.vertices] for shape in shapes if len(shape.vertices) > 2]
    return {"terrain_x": env.terrain_x, "terrain_y": [float(y) for y in env.terrain_y], "polygons": polygons,
            "initial_force_x": draws.uniforms()[-1]}


class Uniform:
    """Actions over the whole range, or `reach` times as far."""

    def __init__(self, env, seed, reach=1.0):
        self._rng, self._space, self._reach = np.random.default_rng(seed), env.action_space, reach

    def __call__(self, observation):
        if isinstance(self._space, gymnasium.spaces.Discrete):
            return int(self._rng.integers(self._space.n))
        return (self._reach * self._rng.uniform(self._space.low, self._space.high)).astype(np.float32)


class Heuristic:
    """Gymnasium's own: lands, and walks for a while."""

    def __init__(self, env, seed):
        self._env, self._walk = env, BipedalWalkerHeuristics()
        self._is_walker = env.spec.id.startswith("Bipedal")

    def __call__(self, observation):
        if self._is_walker:
            return np.array(self._walk.step_heuristic(observation), dtype=np.float32)
        action = lander_heuristic(self._env.unwrapped, observation)
        return np.asarray(action, dtype=np.float32) if self._env.unwrapped.continuous else int(action)


class Still(Uniform):
    """Next to nothing, so that contacts come to rest."""

    def __call__(self, observation):
        return 0 if isinstance(self._space, gymnasium.spaces.Discrete) else 0.02 * super().__call__(observation)


def beyond(env, seed):
    return Uniform(env, seed, reach=50.0)


LANDER, WALKER, HARDCORE = "LunarLander-v3", "BipedalWalker-v3", "BipedalWalkerHardcore-v3"
VARIANTS = [  # environment, name, options, policy, seeds
    (LANDER, "discrete", {}, Uniform, [11, 12, 4000000000]),
    (LANDER, "landing", {}, Heuristic, [13, 14]),
    (LANDER, "continuous", {"continuous": True}, Uniform, [15]),
    (LANDER, "beyond", {"continuous": True}, beyond, [16, 17]),
    (LANDER, "wind-landing", {"continuous": True, "enable_wind": True}, Heuristic, [18, 19]),
    (LANDER, "storm", {"enable_wind": True, "wind_power": 30.0, "turbulence_power": 3.0}, Heuristic, [20]),
    (LANDER, "light", {"gravity": -2.5, "continuous": True}, Heuristic, [21]),
    (LANDER, "heavy", {"gravity": -11.9}, Heuristic, [22]),
    (LANDER, "fall", {"gravity": -4.0}, Still, [23, 24]),
    (WALKER, "uniform", {}, Uniform, [31, 32]),
    (WALKER, "walk", {}, Heuristic, [33, 34, 35, 36, 2**40 + 7]),
    (WALKER, "beyond", {}, beyond, [37, 38]),
    (WALKER, "still", {}, Still, [39, 40]),
    (WALKER, "hardcore", {"hardcore": True}, Heuristic, [41, 42]),
    (HARDCORE, "uniform", {}, Uniform, [43]),
    (HARDCORE, "walk", {}, Heuristic, [44, 45, 46, 47]),
    (HARDCORE, "still", {}, Still, [48]),
]


def record(env_id, variant, options, policy, seed):
    made = gymnasium.make(env_id, **options)
    env = made.unwrapped
    draws = Recorder(gymnasium.utils.seeding.np_random(seed)[0])
    env._np_random = draws
    observation, _ = made.reset()
    is_lander = env_id == LANDER
    start = lander_start(env, draws, options.get("enable_wind")) if is_lander else walker_start(env, draws)
    num_draws = len(draws.draws)
    act = policy(made, seed)
    trace = traces.start(made, variant, seed, options, start, observation)
    ended = False
    while not ended:
        observation, ended = traces.step(made, trace, act(observation))
        traces.add_observation(trace, observation)
    if is_lander:
        values = [value for _, value in draws.draws[num_draws:]]
        trace["step_draws"] = [values[i:i + 2] for i in range(0, len(values), 2)]
    return trace


def main():
    folder, *names = sys.argv[1:]
    for env_id, variant, options, policy, seeds in VARIANTS:
        for seed in seeds:
            name = f"{env_id}__{variant}__s{seed}.json"
            if names and name not in names:
                continue
            trace = record(env_id, variant, options, policy, seed)
            traces.write(folder, trace)
            print(name, len(trace["actions"]), "steps", round(sum(trace["reward"]), 1))


main()
