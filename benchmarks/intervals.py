"""Measure the statistics: seconds of one core for the intervals and tests of a report.

    .venv/bin/python benchmarks/intervals.py [--json]

Each figure is the CPU time of one call, the median of five. The first must be under 0.5 s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable

from numpy.random import PCG64, Generator, SeedSequence

from rlbench.stats import (
    bootstrap_interval,
    overall_iqm,
    overall_mean,
    performance_profile,
    permutation_test,
    probability_of_improvement,
)

RUNS, TASKS, RESAMPLES, TURNS = 10, 15, 50_000, 5


def cases() -> dict[str, Callable[[Generator], object]]:
    draw = Generator(PCG64(SeedSequence(0)))
    ours, theirs = draw.standard_normal((2, TASKS, RUNS))
    ragged = [*ours[:-1], ours[-1][:-1]]
    what = f"{RESAMPLES:,} resamples of {RUNS} runs x {TASKS} tasks"
    return {
        f"IQM, percentile, {what}": lambda g: bootstrap_interval(ours, overall_iqm, g, resamples=RESAMPLES),
        "IQM, percentile, the same with one run missing": lambda g: bootstrap_interval(ragged, overall_iqm, g),
        "IQM, BCa": lambda g: bootstrap_interval(ours, overall_iqm, g, "bca"),
        "mean, bootstrap-t": lambda g: bootstrap_interval(ours, overall_mean, g, "bootstrap-t"),
        "probability of improvement": lambda g: probability_of_improvement(ours, theirs, g),
        "profile of 101 thresholds, 2,000 resamples": lambda g: performance_profile(ours, draw.random(101), g),
        "overall permutation test, 50,000 drawn": lambda g: permutation_test(ours, theirs, g),
        "permutation test of one task, all 184,756": lambda g: permutation_test(ours[:1], theirs[:1], g),
    }


def measure(call: Callable[[Generator], object]) -> tuple[float, float]:
    """Return CPU seconds, and the peak memory of arrays in MB."""
    seconds = []
    for turn in range(TURNS):
        generator = Generator(PCG64(SeedSequence(turn)))
        began = time.process_time()
        call(generator)
        seconds.append(time.process_time() - began)
    tracemalloc.start()
    call(Generator(PCG64(SeedSequence(0))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return statistics.median(seconds), peak / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    measured = {name: measure(call) for name, call in cases().items()}
    if arguments.json:
        print(json.dumps({name: {"cpu_seconds": s, "peak_mb": mb} for name, (s, mb) in measured.items()}, indent=1))
        return
    for name, (seconds, megabytes) in measured.items():
        print(f"{seconds:6.3f} s {megabytes:6.0f} MB  {name}")


if __name__ == "__main__":
    main()
