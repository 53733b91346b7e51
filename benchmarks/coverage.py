"""Simulate how often 95 % intervals contain the true value, by kind of data, statistic, method and number of runs.

    .venv/bin/python benchmarks/coverage.py [--studies 10000] [--resamples 2000] [--json]

Each study draws new runs and computes the interval like a report. It is a hit if the interval contains the population's
mean, or its mean between the quartiles. All methods use the same studies. The output is the table of
docs/statistics.md.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.stats import bootstrap_interval, overall_iqm, overall_mean

KIND_NAMES = ("normal", "skewed", "failing")
FAILING, SPREAD = 0.2, 0.1  # one run in five scores about 0, the others about 1
METHODS = (
    ("mean", overall_mean, "percentile"),
    ("mean", overall_mean, "bootstrap-t"),
    ("mean", overall_mean, "bca"),
    ("IQM", overall_iqm, "percentile"),
    ("IQM", overall_iqm, "bca"),
)
CELLS = [(kind, tasks, n) for tasks, sizes in ((1, (5, 10, 20)), (5, (5, 10))) for kind in KIND_NAMES for n in sizes]

_phi = np.vectorize(NormalDist().cdf)
KINDS: dict[str, tuple[Callable[[Generator, int], np.ndarray], Callable[[np.ndarray], np.ndarray], float]] = {
    # function that draws n runs, distribution function, mean
    "normal": (lambda g, n: g.standard_normal(n), _phi, 0.0),
    "skewed": (lambda g, n: g.exponential(size=n), lambda x: 1 - np.exp(-np.maximum(x, 0)), 1.0),
    "failing": (
        lambda g, n: (g.random(n) >= FAILING) + SPREAD * g.standard_normal(n),
        lambda x: FAILING * _phi(x / SPREAD) + (1 - FAILING) * _phi((x - 1) / SPREAD),
        1 - FAILING,
    ),
}


def middle_mean(distribution: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return the population's mean between its quartiles, from its distribution function on a fine grid."""
    grid = np.linspace(-10, 30, 200_001)
    shares = (np.arange(20_000) + 0.5) / 40_000 + 0.25
    return float(np.interp(shares, distribution(grid), grid).mean())


def cover(kind: str, tasks: int, n: int, studies: int, resamples: int) -> list[dict[str, Any]]:
    draw, distribution, mean = KINDS[kind]
    truth = {"mean": mean, "IQM": middle_mean(distribution)}
    hits, fallen, width = (np.zeros(len(METHODS)) for _ in range(3))
    for study in range(studies):
        root = SeedSequence(study, spawn_key=(list(KINDS).index(kind), tasks, n))
        sample, *streams = (Generator(PCG64(child)) for child in root.spawn(1 + len(METHODS)))
        runs = [draw(sample, n) for _ in range(tasks)]
        for index, ((name, statistic, method), stream) in enumerate(zip(METHODS, streams)):
            interval = bootstrap_interval(runs, statistic, stream, method, resamples=resamples)
            hits[index] += interval.low <= truth[name] <= interval.high
            fallen[index] += interval.method != method
            width[index] += interval.high - interval.low
    return [
        {
            "data": kind,
            "tasks": tasks,
            "n": n,
            "statistic": name,
            "method": method,
            "coverage": hits[index] / studies,
            "standard_error": math.sqrt(hits[index] / studies * (1 - hits[index] / studies) / studies),
            "mean_width": width[index] / studies,
            "fell_back": fallen[index] / studies,
        }
        for index, (name, _, method) in enumerate(METHODS)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=10_000, help="simulated studies of each cell")
    parser.add_argument("--resamples", type=int, default=2_000, help="bootstrap resamples of each interval")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if arguments.json:
        rows = [row for cell in CELLS for row in cover(*cell, arguments.studies, arguments.resamples)]
        print(json.dumps(rows, indent=1))
        return
    began, worst = time.process_time(), 0.0
    print("| data | tasks | n | " + " | ".join(f"{name}, {method}" for name, _, method in METHODS) + " |")
    print("|---|--:|--:" + "|--:" * len(METHODS) + "|", flush=True)
    for cell in CELLS:
        rows = cover(*cell, arguments.studies, arguments.resamples)
        print(f"| {cell[0]} | {cell[1]} | {cell[2]} | " + " | ".join(_shown(row) for row in rows) + " |", flush=True)
        worst = max(worst, *(float(row["standard_error"]) for row in rows))
    print(f"\n{arguments.studies:,} studies a row, {arguments.resamples:,} resamples an interval;", end=" ")
    print(f"standard error at most {worst:.2%}; {time.process_time() - began:.0f} s of one core")


def _shown(row: dict[str, Any]) -> str:
    """Return the coverage, and the share of studies in which the method fell back to percentile."""
    fallen = f" ({row['fell_back']:.1%} fell back)" if row["fell_back"] else ""
    return f"{row['coverage']:.1%}{fallen}"


if __name__ == "__main__":
    main()
