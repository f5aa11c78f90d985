#!/usr/bin/env python3
"""Compares the speed of the Box2D tasks with EnvPool's, and prints a Markdown table.

    python3 -m venv envpool && envpool/bin/pip install envpool==1.2.5
    benchmarks/envs/envpool_speed.py --python envpool/bin/python

Both sides step the same task with uniform random actions on the same number of threads, in lockstep, with resets
where episodes end. They run in turns, one after the other, so that a busy minute meets both; a turn gives one ratio.
Duet's side is `duet env bench`; EnvPool's is called from Python, as it is meant to be, with actions drawn beforehand.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TASKS = {  # Duet's id: its options, EnvPool's id
    "LunarLander-v3": (["continuous=true"], "LunarLanderContinuous-v3"),
    "BipedalWalker-v3": ([], "BipedalWalker-v3"),
    "BipedalWalkerHardcore-v3": ([], "BipedalWalkerHardcore-v3"),
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.path.join(ROOT, "duet"), help="the program (default: the launcher)")
    parser.add_argument("--python", required=True, help="a Python that has EnvPool 1.2.5")
    parser.add_argument("--id", action="append", dest="ids", choices=TASKS, help="only these environments")
    parser.add_argument("--envs", type=int, action="append", help="environments side by side (default: 8 and 64)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each side in each turn")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json", metavar="FILE", help="where all single results go")
    parser.add_argument("--inside", help=argparse.SUPPRESS)  # the EnvPool side's own process: its id
    return parser.parse_args()


def step_envpool(arguments):
    """Prints EnvPool's steps per second."""
    import envpool
    import numpy as np

    num_envs = arguments.envs[0]
    env = envpool.make(arguments.inside, env_type="gymnasium", num_envs=num_envs, num_threads=arguments.threads, seed=1)
    env.reset()
    rng = np.random.default_rng(2)
    shape = (100, num_envs, *env.action_space.shape)
    actions = rng.uniform(env.action_space.low, env.action_space.high, shape).astype(np.float32)

    def run(seconds):
        begin, num_steps = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            for action in actions:
                env.step(action)
            num_steps += len(actions) * num_envs
        return num_steps / (time.perf_counter() - begin)

    run(0.5)
    print(run(arguments.seconds))


def output_of(command):
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def envpool_rate(arguments, name, num_envs):
    return float(output_of([arguments.python, os.path.abspath(__file__), "--python", arguments.python, "--inside", name,
                            "--envs", str(num_envs), "--threads", str(arguments.threads),
                            "--seconds", str(arguments.seconds)]).split()[-1])


def duet_rate(arguments, name, options, num_envs):
    words = [word for option in options for word in ("--option", option)]
    report = output_of([arguments.program, "env", "bench", name, *words, "--envs", str(num_envs), "--threads",
                        str(arguments.threads), "--seconds", str(arguments.seconds), "--json"])
    return json.loads(report)["steps_per_second"]


def measure(arguments):
    """One result per task, number of environments and turn."""
    results = []
    for turn in range(arguments.turns):
        for name in arguments.ids or TASKS:
            options, other_name = TASKS[name]
            for num_envs in arguments.envs or [8, 64]:
                other = envpool_rate(arguments, other_name, num_envs)
                own = duet_rate(arguments, name, options, num_envs)
                results.append({"id": name, "envs": num_envs, "threads": arguments.threads, "turn": turn,
                                "duet": own, "envpool": other, "ratio": own / other})
        print(f"turn {turn + 1} of {arguments.turns} done", file=sys.stderr)
    return results


def table(results):
    yield "| id | environments | threads | Duet, steps/s | EnvPool, steps/s | ratio (lowest–highest) |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, num_envs in dict.fromkeys((one["id"], one["envs"]) for one in results):
        found = [one for one in results if (one["id"], one["envs"]) == (name, num_envs)]
        own, other, ratio = (statistics.median(one[key] for one in found) for key in ("duet", "envpool", "ratio"))
        ratios = [one["ratio"] for one in found]
        yield (f"| {name} | {num_envs} | {found[0]['threads']} | {own:,.0f} | {other:,.0f} "
               f"| {ratio:.2f} ({min(ratios):.2f}–{max(ratios):.2f}) |")


def main():
    arguments = parse()
    if arguments.inside:
        step_envpool(arguments)
        return
    results = measure(arguments)
    for line in table(results):
        print(line)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
