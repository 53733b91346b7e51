"""Simulate the coverage of the other printed 95 % intervals: medians, gaps, differences, probabilities, profiles.

    .venv/bin/python benchmarks/coverage_others.py [--studies 4000] [--resamples 2000]

Like benchmarks/coverage.py, with the same kinds of data. Both sides have the same distribution, or the second has four
times the spread around the same centre. Bands of learning and efficiency curves and marginal IQMs of sweeps are
percentile intervals of the IQM at each point, which that table covers. The output is the second table of
docs/statistics.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from benchmarks.coverage import FAILING, KINDS, middle_mean
from rlbench.stats import (
    Interval,
    bootstrap_interval,
    difference,
    optimality_gap,
    overall_iqm,
    overall_mean,
    overall_median,
    performance_profile,
    pooled_median,
    probability_of_improvement,
)

CELLS = [(kind, tasks, n) for tasks, sizes in ((1, (5, 10, 20)), (5, (5, 10))) for kind in KINDS for n in sizes]
NAMES = (
    *("median", "optimality gap", "difference of IQMs", "the same, 1:4", "difference of means", "the same, 1:4"),
    *("P(higher)", "P(higher), one spread apart", "profile at 0.5"),
)
WIDER, LEVEL = 4.0, 0.5


def population(kind: str) -> np.ndarray:
    """Draw a million runs, to know values without closed form to about 0.001."""
    return KINDS[kind][0](Generator(PCG64(SeedSequence(99))), 1_000_000)


def truths(kind: str) -> list[float]:
    runs, mean = population(kind), KINDS[kind][2]
    half = np.random.Generator(PCG64(SeedSequence(7))).permutation(runs)
    apart = float(np.mean(half[:500_000] + runs.std() > half[500_000:]))
    gap, share = float(np.maximum(0, 1 - runs).mean()), float((runs > LEVEL).mean())
    return [float(np.median(runs)), mean, gap, 0.0, 0.0, 0.0, 0.0, 0.5, apart, share]


def intervals(
    kind: str, tasks: int, n: int, g: Generator, resamples: int, spread: float
) -> list[Interval | tuple[float, float]]:
    draw = KINDS[kind][0]
    middle, mean = middle_mean(KINDS[kind][1]), KINDS[kind][2]

    def side(centre: float, times: float) -> list[np.ndarray]:
        return [centre + times * (draw(g, n) - centre) for _ in range(tasks)]

    ours, theirs = side(0.0, 1.0), side(0.0, 1.0)
    options = {"resamples": resamples}
    median: Callable = pooled_median if tasks == 1 else overall_median
    profile = performance_profile(ours, np.array([LEVEL]), g, **options)
    return [
        bootstrap_interval(ours, median, g, **options),
        bootstrap_interval(ours, optimality_gap, g, **options),
        difference(ours, theirs, overall_iqm, g, **options),
        difference(ours, side(middle, WIDER), overall_iqm, g, **options),
        difference(ours, theirs, overall_mean, g, "bootstrap-t", **options),
        difference(ours, side(mean, WIDER), overall_mean, g, "bootstrap-t", **options),
        probability_of_improvement(ours, theirs, g, **options),
        probability_of_improvement([runs + spread for runs in ours], theirs, g, **options),
        (float(profile.low[0]), float(profile.high[0])),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=4_000, help="simulated studies of each cell")
    parser.add_argument("--resamples", type=int, default=2_000, help="bootstrap resamples of each interval")
    arguments = parser.parse_args()
    began = time.process_time()
    print("| data | tasks | n | " + " | ".join(NAMES) + " |")
    print("|---|--:|--:" + "|--:" * len(NAMES) + "|", flush=True)
    for kind, tasks, n in CELLS:
        of_median, of_mean, *rest = truths(kind)
        truth = [of_median if tasks == 1 else of_mean, *rest]
        spread, hits = float(population(kind).std()), np.zeros(len(NAMES))
        for study in range(arguments.studies):
            g = Generator(PCG64(SeedSequence(study, spawn_key=(list(KINDS).index(kind), tasks, n, 1))))
            for i, interval in enumerate(intervals(kind, tasks, n, g, arguments.resamples, spread)):
                low, high = interval if isinstance(interval, tuple) else (interval.low, interval.high)
                hits[i] += low - 1e-9 <= truth[i] <= high + 1e-9
        print(
            f"| {kind} | {tasks} | {n} | " + " | ".join(f"{h / arguments.studies:.1%}" for h in hits) + " |", flush=True
        )
    print(
        f"\n{arguments.studies:,} studies a row; one run in {1 / FAILING:.0f} fails; "
        f"{time.process_time() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
