#!/usr/bin/env python3
"""Draws the learning curves of finished runs side by side, one panel a run, and prints their table as Markdown.

    pip install matplotlib==3.11.2
    benchmarks/agents/curves.py runs/ppo_halfcheetah runs/ppo_hopper --out curves.png --keep results
    benchmarks/agents/curves.py results/*.json --out curves.png

A panel shows the mean evaluation return of each seed, thin, and their interquartile mean, thick, against environment steps.
The table has the final returns from each run's summary.json. With --keep, summary and curve of each run go to FOLDER/NAME.json,
which stands for the run later on.
"""

import argparse
import json
import os

import matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402 (the backend is chosen first)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", help="folders of runs of one method, or files that --keep wrote")
    parser.add_argument("--out", required=True, help="the picture, PNG or SVG")
    parser.add_argument("--keep", metavar="FOLDER", help="write what is shown of each run to FOLDER/NAME.json")
    parser.add_argument("--columns", type=int, default=4, help="panels in a row")
    return parser.parse_args()


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read(run):
    """The summary of a run, with its evaluations: steps and the mean returns of each seed."""
    if os.path.isfile(run):
        return load(run)
    summary = load(os.path.join(run, "summary.json"))
    result = load(os.path.join(run, "methods", summary["methods"][0]["name"], "result.json"))
    points = result.get("method", result)["evaluations"]
    summary["evaluations"] = {"env_steps": [point["env_steps_per_learner"] for point in points],
                              "returns": [[seed[0] for seed in point["returns"]] for point in points]}
    return summary


def interquartile_mean(values):
    """As everywhere in Duet: without the lowest and the highest quarter of them, rounded down."""
    cut = len(values) // 4
    middle = sorted(values)[cut:len(values) - cut]
    return sum(middle) / len(middle)


def draw(panel, name, steps, returns):
    for curve in zip(*returns):
        panel.plot(steps, curve, color="tab:blue", alpha=0.35, linewidth=0.8)
    panel.plot(steps, [interquartile_mean(values) for values in returns], color="tab:blue", linewidth=1.8)
    panel.set_title(name, fontsize=10)
    panel.grid(alpha=0.3)
    panel.set_xlim(0, steps[-1])
    panel.ticklabel_format(axis="x", style="sci", scilimits=(3, 3), useMathText=True)
    panel.tick_params(labelsize=8)


def main():
    arguments = parse()
    columns = min(arguments.columns, len(arguments.runs))
    rows = -(-len(arguments.runs) // columns)
    figure, panels = pyplot.subplots(rows, columns, figsize=(3.2 * columns, 2.6 * rows), squeeze=False)
    flat = [panel for row in panels for panel in row]
    print("| run | task | steps | seeds | final return, IQM [95 %] | of each seed | wall time |")
    print("|---|---|---:|---:|---|---|---:|")
    for panel, run in zip(flat, arguments.runs):
        summary = read(run)
        method = summary["methods"][0]
        draw(panel, summary["name"], summary["evaluations"]["env_steps"], summary["evaluations"]["returns"])
        if arguments.keep:
            with open(os.path.join(arguments.keep, summary["name"] + ".json"), "w", encoding="utf-8") as file:
                file.write(json.dumps(summary, indent=1) + "\n")
        final = method["final_return"]
        print(f"| {summary['name']} | {summary['task']} | {method['env_steps_total']:,} | {len(method['seeds'])} "
              f"| {final['iqm']:,.0f} [{final['low']:,.0f}, {final['high']:,.0f}] "
              f"| {', '.join(f'{value:,.0f}' for value in final['per_seed'])} | {method['wall_seconds'] / 60:.0f} min |")
    for panel in flat[len(arguments.runs):]:
        panel.axis("off")
    figure.tight_layout()
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
