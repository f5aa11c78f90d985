#!/usr/bin/env python3
"""Measures how fast the environments step, and prints a Markdown table.

    benchmarks/envs/stepping.py --policy HalfCheetah-v5=runs/cheetah --json stepping.json

Every measurement is `duet env bench`, whose sides are timed in turns of about 0.1 s. All measurements are repeated
`--turns` times, one round after the other through the whole list, so that a busy minute meets one turn of many. The
table has the median over the turns and, in brackets, the lowest and the highest.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZES = [(64, 2), (8, 2), (1, 1), (64, 1)]  # environments, threads


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=os.path.join(ROOT, "duet"), help="the program (default: the launcher)")
    parser.add_argument("--id", action="append", dest="ids", help="only these environments (default: all)")
    parser.add_argument("--policy", action="append", default=[], metavar="ID=PATH",
                        help="also with the actions of this trained policy")
    parser.add_argument("--ready", type=int, help="also asynchronously with this part of the environments ready, in %%")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each side of a measurement")
    parser.add_argument("--turns", type=int, default=3, help="how often everything is measured")
    parser.add_argument("--json", metavar="FILE", help="where all single results go")
    return parser.parse_args()


def run(program, *arguments):
    done = subprocess.run([program, "env", *arguments, "--json"], text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def cases(arguments):
    """(id, what chooses the actions, path or None, ready in %) in the order of the table."""
    ids = arguments.ids or [row["id"] for row in run(arguments.program, "list")]
    policies = dict(word.split("=", 1) for word in arguments.policy)
    unknown = set(policies) - set(ids)
    if unknown:
        sys.exit(f"--policy: {', '.join(sorted(unknown))} is not measured")
    for name in ids:
        yield name, "random", None, 0
        if name in policies:
            yield name, "trained", policies[name], 0
        if arguments.ready:
            yield name, f"random, {arguments.ready} % ready", None, arguments.ready


def measure(arguments):
    """What each case and size gave in each turn."""
    results = {}
    for turn in range(arguments.turns):
        for name, actions, path, ready in cases(arguments):
            for envs, threads in SIZES:
                words = ["bench", name, "--envs", str(envs), "--threads", str(threads),
                         "--seconds", str(arguments.seconds), "--ready", str(envs * ready // 100)]
                if ready and envs * ready < 100:
                    continue
                if path:
                    words += ["--policy", path]
                results.setdefault((name, actions), {}).setdefault((envs, threads), []).append(
                    run(arguments.program, *words))
        print(f"turn {turn + 1} of {arguments.turns} done", file=sys.stderr)
    return results


def spread(found, key, form):
    values = [one[key] for one in found if key in one]
    if not values:
        return "–"
    return (f"{form.format(statistics.median(values))} ({form.format(min(values))}–{form.format(max(values))})")


def table(results):
    """The lines of the Markdown table."""
    yield "| id | actions | limit | 64 envs, 2 threads: steps/s | limit, steps/s | **ratio** | ratio, limit takes work |" \
        " 8 envs, 2 threads: ratio | 1 env, 1 thread: ratio | 2 threads / 1, 64 envs |"
    yield "|---|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for (name, actions), sizes in results.items():
        large, small, single, one_thread = (sizes.get(size, []) for size in SIZES)
        rate = statistics.median(one["steps_per_second"] for one in large)
        scaling = rate / statistics.median(one["steps_per_second"] for one in one_thread)
        limit = statistics.median(one["limit_steps_per_second"] for one in large)
        yield (f"| {name} | {actions} | {large[0]['limit']} | {rate:,.0f} | {limit:,.0f} "
               f"| **{spread(large, 'ratio', '{:.3f}')}** | {spread(large, 'taking_ratio', '{:.3f}')} "
               f"| {spread(small, 'ratio', '{:.3f}')} | {spread(single, 'ratio', '{:.3f}')} | {scaling:.2f} |")


def main():
    arguments = parse()
    results = measure(arguments)
    for line in table(results):
        print(line)
    if arguments.json:
        # The table's words for the actions, not the path of a policy.
        rows = [{**one, "actions": actions}
                for (_, actions), sizes in results.items() for found in sizes.values() for one in found]
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
