"""Simulate how often "better" is wrong and how often right, for two algorithms, by kind of data.

    .venv/bin/python benchmarks/levels.py [one|tasks|family|power] [--studies 4000] [--permutations 999]

Each study draws new runs. The interquartile means of the populations are equal, except in `power`. Reported are the
shares of studies in which the permutation's p, Welch's p and the larger of them, which the verdict uses, are at
most 5 %. The output is the tables of docs/statistics.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from itertools import combinations
from statistics import NormalDist

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.stats import holm, overall_iqm, overall_mean, permutation_test, two_sample_test, welch_test

ALPHA = 0.05
SIZES = ((5, 5), (8, 8), (10, 10), (20, 20), (5, 10))
Draw = Callable[[Generator, int], np.ndarray]


def normal(mean: float, spread: float) -> Draw:
    return lambda g, n: g.normal(mean, spread, n)


def lognormal(spread: float) -> Draw:
    """Draw skewed runs with interquartile mean 0; spread: that of the logarithm."""
    shares = 0.25 + 0.5 * (np.arange(20_000) + 0.5) / 20_000
    centre = np.exp(spread * np.vectorize(NormalDist().inv_cdf)(shares)).mean()
    return lambda g, n: g.lognormal(0, spread, n) - centre


def failing(share: float, bad: float, spread: float) -> Draw:
    """Draw runs about 1, except a share about `bad`."""
    return lambda g, n: np.where(g.random(n) < share, bad, 1.0) + spread * g.standard_normal(n)


def capped(mean: float, spread: float = 0.1) -> Draw:
    """Draw runs that often reach the maximum exactly, as on CartPole, so that there are ties."""
    return lambda g, n: np.minimum(1.0, g.normal(mean, spread, n))


# Ours and theirs; with 5 and 10 runs, ours are the 5.
ONE: Mapping[str, tuple[Draw, Draw]] = {
    "normal 1:1": (normal(0, 1), normal(0, 1)),
    "normal 1:4": (normal(0, 1), normal(0, 4)),
    "normal 4:1": (normal(0, 4), normal(0, 1)),
    "normal 1:10": (normal(0, 1), normal(0, 10)),
    "normal 10:1": (normal(0, 10), normal(0, 1)),
    "lognormal against normal": (lognormal(1.0), normal(0, 1)),
    "lognormal against normal, a tenth of the spread": (lognormal(1.0), normal(0, 0.1)),
    "one run in five fails, both": (failing(0.2, 0, 0.1), failing(0.2, 0, 0.1)),
    "one run in five fails against none, wider": (failing(0.2, 0, 0.02), normal(0.9914, 0.1)),
    "bimodal, both": (failing(1 / 3, 0.25, 0.05), failing(1 / 3, 0.25, 0.05)),
    "bimodal, apart, both": (failing(0.5, 0, 1e-3), failing(0.5, 0, 1e-3)),
    "half at a cap, both": (capped(1.0), capped(1.0)),
    "most at a cap, both": (capped(1.1), capped(1.1)),
    "half at a cap, 1:4": (capped(1.0, 0.1), capped(1.0, 0.4)),
}


def centred(draw: Draw, centre: float) -> Draw:
    """Return the distribution shifted so that the population's interquartile mean is `centre`."""
    g = Generator(PCG64(SeedSequence(0)))
    off = centre - np.mean([float(overall_iqm([draw(g, 40_000)])) for _ in range(25)])
    return lambda g, n: draw(g, n) + off


# Equal interquartile means but unequal means: not reported for means.
SKEWED = ("lognormal", "fails against none", "half at a cap, 1:4")

# Truncated or failing on one side only: these have equal interquartile means only after a shift.
for _name in ("half at a cap, 1:4", "one run in five fails against none, wider"):
    _left, _right = ONE[_name]
    ONE = {**ONE, _name: (centred(_left, 0.0), centred(_right, 0.0))}

# Both algorithms on three tasks, by mean and spread.
TASKS: Mapping[str, tuple[list[Draw], list[Draw]]] = {
    "alike": ([normal(m, 0.1) for m in (0, 0.3, 1)], [normal(m, 0.1) for m in (0, 0.3, 1)]),
    "spreads 1:4": ([normal(0.5, 0.1)] * 3, [normal(0.5, 0.4)] * 3),
    "spreads 1:10": ([normal(0.5, 0.02)] * 3, [normal(0.5, 0.2)] * 3),
    "spreads 1:10 on one of them": ([normal(0.5, 0.1)] * 3, [normal(0.5, s) for s in (0.1, 0.1, 1.0)]),
    "spreads 1:4, tasks apart": ([normal(m, 0.05) for m in (0, 0.5, 1)], [normal(m, 0.2) for m in (0, 0.5, 1)]),
    "one run in five fails": ([failing(0.2, 0, 0.1)] * 3, [failing(0.2, 0, 0.1)] * 3),
    "one wins a task, the other another": (
        [normal(m, 0.1) for m in (0.3, 0.5, 0.7)],
        [normal(m, 0.1) for m in (0.7, 0.5, 0.3)],
    ),
    "one task at a cap": ([capped(1.0), normal(0.5, 0.1), normal(0.2, 0.3)],) * 2,
}
BIMODAL = failing(1 / 3, 0.25, 0.02)
ALGORITHMS, FAMILY_TASKS = 7, 3


def generator(*where: object) -> Generator:
    return Generator(PCG64(SeedSequence([int.from_bytes(str(part).encode(), "big") % 2**32 for part in where])))


def rates(where: str, ours: list[Draw], theirs: list[Draw], size: tuple[int, int], studies: int, drawn: int) -> str:
    """Return how often the permutation, Welch's t and the larger p reject by the IQM, and the larger p by the mean."""
    rejections = np.zeros(4)
    for study in range(studies):
        g = generator(where, *size, study)
        left, right = [draw(g, size[0]) for draw in ours], [draw(g, size[1]) for draw in theirs]
        test = two_sample_test(left, right, g, permutations=drawn, exact_up_to=drawn)
        of_means = two_sample_test(left, right, g, overall_mean, permutations=drawn, exact_up_to=drawn)
        rejections += np.array([test.p_permutation, test.p_welch, test.p, of_means.p]) <= ALPHA
    shown = [f"{share:.1%}" for share in rejections / studies]
    return " | ".join([*shown[:3], "" if any(part in where for part in SKEWED) else shown[3]])


HEADER = "| n | permutation | Welch | the larger p | the same of means |\n|---|--:|--:|--:|--:|--:|"


def one(studies: int, drawn: int) -> None:
    print(f"| data of one task {HEADER}", flush=True)
    for name, (ours, theirs) in ONE.items():
        for size in SIZES:
            print(f"| {name} | {_sizes(size)} | {rates(name, [ours], [theirs], size, studies, drawn)} |", flush=True)


def tasks(studies: int, drawn: int) -> None:
    print(f"| data of three tasks {HEADER}", flush=True)
    for name, (ours, theirs) in TASKS.items():
        for size in SIZES:
            print(f"| {name} | {_sizes(size)} | {rates(name, ours, theirs, size, studies, drawn)} |", flush=True)


def power(studies: int, drawn: int) -> None:
    """Print the power at differences in standard deviations of normal runs."""
    print(f"| difference {HEADER}", flush=True)
    for shift in (1.0, 1.5, 2.0, 3.0):
        for size in SIZES:
            row = rates(f"power {shift}", [normal(shift, 1)], [normal(0, 1)], size, studies, drawn)
            print(f"| {shift:g} sd, one task | {_sizes(size)} | {row} |", flush=True)
    for shift in (0.5, 1.0):
        for size in SIZES:
            ours, theirs = [normal(m + shift, 1) for m in (0, 3, 10)], [normal(m, 1) for m in (0, 3, 10)]
            row = rates(f"power {shift} tasks", ours, theirs, size, studies, drawn)
            print(f"| {shift:g} sd, each of three tasks | {_sizes(size)} | {row} |", flush=True)


def family(studies: int, drawn: int) -> None:
    """Print how often seven identical bimodal algorithms on three tasks give any "better" after Holm.

    The permutation test is needed only if Welch's p is at most 5 %, because the larger of the two counts.
    """
    print("| family | n | Welch alone | the larger p |\n|---|--:|--:|--:|", flush=True)
    for n in (5, 8, 10, 20):
        wrong = np.zeros((2, 2))
        for study in range(studies):
            g = generator("family", n, study)
            runs = [[BIMODAL(g, n) for _ in range(FAMILY_TASKS)] for _ in range(ALGORITHMS)]
            pairs = list(combinations(runs, 2))
            single = [([a[t]], [b[t]]) for a, b in pairs for t in range(FAMILY_TASKS)]
            for i, members in enumerate((single, pairs)):
                welch = {str(j): welch_test(a, b).p for j, (a, b) in enumerate(members)}
                least = int(20 * len(members) / ALPHA)
                both = {
                    name: p
                    if p > ALPHA
                    else max(p, permutation_test(*members[int(name)], g, permutations=least, exact_up_to=1000).p)
                    for name, p in welch.items()
                }
                wrong[i] += [min(holm(p).values()) <= ALPHA for p in (welch, both)]
        for what, shares in zip(("63 pairs on single tasks", "21 pairs over all tasks"), wrong / studies):
            print(f"| {what} | {n} | {shares[0]:.1%} | {shares[1]:.1%} |", flush=True)


def _sizes(size: tuple[int, int]) -> str:
    return f"{size[0]}" if size[0] == size[1] else f"{size[0]}, {size[1]}"


PARTS = {"one": one, "tasks": tasks, "power": power, "family": family}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="tables to make; by default all")
    parser.add_argument("--studies", type=int, default=4_000, help="simulated studies of each cell")
    parser.add_argument("--permutations", type=int, default=999, help="relabellings drawn where there are more")
    arguments = parser.parse_args()
    began = time.process_time()
    for part in arguments.parts or PARTS:
        PARTS[part](arguments.studies, arguments.permutations)
        print()
    print(f"{arguments.studies:,} studies a cell; {time.process_time() - began:.0f} s of one core")


if __name__ == "__main__":
    main()
