"""Writes rliable.json: statistics of made-up scores as the package rliable 1.2.0 computes them.

    pip install rliable==1.2.0 && python3 tests/reference/generate_rliable.py

A bound of a bootstrap interval is a quantile q(p) of the bootstrap distribution, estimated from N
resamples. The share of N resamples below q(p) has the standard deviation sqrt(p (1 - p) / N), so two
estimates from N and R resamples lie, but for one case in a million, within the quantiles
p +- 5 sqrt(p (1 - p) (1 / N + 1 / R)). "low_range" and "high_range" are these quantiles for N = 50,000.
"""

import json
import math
import pathlib

import numpy as np
import rliable.library as rly
from rliable import metrics

RESAMPLES = 50_000  # of the program under test
REFERENCE_RESAMPLES = 20_000


def interval_ranges(scores, statistic):
    """Point estimate, rliable's own interval, and the ranges in which other estimates may lie."""
    function = lambda *x: np.array([statistic(*x)])
    kind = rly.StratifiedIndependentBootstrap if isinstance(scores, tuple) else rly.StratifiedBootstrap
    arguments = scores if isinstance(scores, tuple) else (scores,)
    bootstrap = kind(*arguments, random_state=np.random.RandomState(7))
    values = bootstrap.apply(function, REFERENCE_RESAMPLES)[:, 0]

    def bounds(tail):
        width = 5 * math.sqrt(tail * (1 - tail) * (1 / RESAMPLES + 1 / REFERENCE_RESAMPLES))
        return [float(np.percentile(values, 100 * p)) for p in (tail - width, tail + width)]

    point, interval = rly.get_interval_estimates(
        {"x": scores}, function, reps=2_000, random_state=np.random.RandomState(11))
    return {
        "value": float(point["x"][0]),
        "rliable_interval_of_2000": [float(bound) for bound in interval["x"][:, 0]],
        "low_range": bounds(0.025),
        "high_range": bounds(0.975),
    }


def main():
    random = np.random.RandomState(3)
    cases = []
    for seeds, tasks in ((2, 1), (3, 1), (4, 1), (5, 1), (7, 1), (10, 1), (5, 3)):
        x = np.round(random.normal(500, 200, (seeds, tasks)), 3)
        y = np.round(random.normal(430, 150, (seeds + seeds % 2, tasks)), 3)
        if seeds == 7:  # scores that tie, as 1000 of 1000 does
            x, y = np.minimum(x, 520.0), np.minimum(y, 520.0)
        case = {
            "x": x.T.tolist(),  # [task][seed]
            "y": y.T.tolist(),
            "iqm": interval_ranges(x, metrics.aggregate_iqm),
            "mean": float(metrics.aggregate_mean(x)),
        }
        if tasks == 1:
            case["median"] = float(np.median(x))
            case["probability_of_improvement"] = interval_ranges(
                (x, y), metrics.probability_of_improvement)
        cases.append(case)
    path = pathlib.Path(__file__).with_name("rliable.json")
    path.write_text(json.dumps({"resamples": RESAMPLES, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
