"""Simulate adaptive seeds: how often a verdict is wrong, and how many runs are needed, by kind of data.

    .venv/bin/python benchmarks/adaptive.py [--studies 2000] [--rows 1000] [--case NAME] [--json]

Each study draws new runs, group by group, and is decided like `rlbench run --until-decided`. "Better" is wrong for a
pair whose scores have the same distribution, "equivalent" for one whose means differ by at least the margin. The output
is the table of docs/adaptive.md.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.stats.sequential_design import BETTER, EQUIVALENT, UNDECIDED, Design, PairTest, interim_results, pairs_of

DESIGN = Design()
SPREAD, MARGIN = 0.1, 0.05
Draw = Callable[[Generator, int], np.ndarray]


def normal(mean: float, spread: float = SPREAD) -> Draw:
    return lambda g, n: g.normal(mean, spread, n)


def skewed(mean: float) -> Draw:
    return lambda g, n: mean + SPREAD * (g.exponential(size=n) - 1)


def failing(share: float) -> Draw:
    """Draw runs that score about 1, except one in 1/share, which scores about 0."""
    return lambda g, n: (g.random(n) >= share) + 0.02 * g.standard_normal(n)


def saturated(mean: float) -> Draw:
    """Draw runs that mostly reach the maximum exactly, as on CartPole, so that there are ties."""
    return lambda g, n: np.minimum(1.0, g.normal(mean, SPREAD, n))


@dataclass(frozen=True)
class Case:
    """Data of a simulated study.

    sides: for each algorithm, how runs are drawn on each task. same: classes of equal distribution. at_margin: pairs
    whose means differ by at least the margin. missing: share of runs without a score.
    """

    name: str
    sides: Sequence[Sequence[Draw]]
    same: Sequence[int]
    at_margin: Sequence[tuple[int, int]] = ()
    missing: float = 0.0


def equal(name: str, draw: Draw, count: int, tasks: int = 1, missing: float = 0.0) -> Case:
    return Case(name, [[draw] * tasks] * count, [0] * count, (), missing)


CASES = [
    equal("2 equal, normal", normal(0.5), 2),
    equal("2 equal, skewed", skewed(0.5), 2),
    equal("2 equal, one run in five fails", failing(0.2), 2),
    equal("2 equal, saturated (ties)", saturated(1.1), 2),
    equal("2 equal, a tenth of the runs missing", normal(0.5), 2, missing=0.1),
    Case("2 equal, 3 tasks of other spreads", [[normal(0.5, s) for s in (0.02, 0.1, 0.3)]] * 2, [0, 0]),
    equal("3 equal, normal", normal(0.5), 3),
    equal("5 equal, one run in five fails", failing(0.2), 5),
    Case("2 equal, a third far better", [[normal(0.5)], [normal(0.5)], [normal(1)]], [0, 0, 1], [(0, 2), (1, 2)]),
    Case(
        "two pairs of equals, far apart",
        [[normal(0.2)], [normal(0.2)], [normal(0.8)], [normal(0.8)]],
        [0, 0, 1, 1],
        [(0, 2), (0, 3), (1, 2), (1, 3)],
    ),
    Case("2 of one mean, spreads 0.05 and 0.2", [[normal(0.5, 0.05)], [normal(0.5, 0.2)]], [0, 0]),
    Case("2 of one mean, spreads 0.02 and 0.2", [[normal(0.5, 0.02)], [normal(0.5, 0.2)]], [0, 0]),
    Case(
        "2 of one mean, spreads 1:4 and 1:10 on two tasks",
        [[normal(0.5, 0.05), normal(0.5, 0.02)], [normal(0.5, 0.2), normal(0.5, 0.2)]],
        [0, 0],
    ),
    Case(
        "2 that differ by the margin, spreads 0.05 and 0.2",
        [[normal(0.5, 0.2)], [normal(0.55, 0.05)]],
        [0, 1],
        [(0, 1)],
    ),
    Case("2 that differ by the margin, spread 0.03", [[normal(0.5, 0.03)], [normal(0.55, 0.03)]], [0, 1], [(0, 1)]),
    Case("2 that differ by the margin, spread 0.1", [[normal(0.5)], [normal(0.55)]], [0, 1], [(0, 1)]),
    Case(
        "2 equal, a third off by the margin, spread 0.05",
        [[normal(0.5, 0.05)], [normal(0.5, 0.05)], [normal(0.55, 0.05)]],
        [0, 0, 1],
        [(0, 2), (1, 2)],
    ),
    Case("1 never fails, 1 in five runs", [[failing(0)], [failing(0.2)]], [0, 1], [(0, 1)]),
    Case("1 never fails, 1 in twenty runs", [[failing(0)], [failing(0.05)]], [0, 1], [(0, 1)]),
    Case("2 half a spread apart, by the margin again", [[normal(0.5)], [normal(0.55)]], [0, 1], [(0, 1)]),
    Case("2 one spread apart", [[normal(0.5)], [normal(0.6)]], [0, 1]),
    Case("2 two spreads apart", [[normal(0.5)], [normal(0.7)]], [0, 1]),
    equal("2 equal, spread a fifth of the margin", normal(0.5, 0.01), 2),
    equal("2 equal, spread half the margin", normal(0.5, 0.025), 2),
]


def study(case: Case, seed: Sequence[int], rows: int, design: Design = DESIGN) -> tuple[dict[Any, str], int, int]:
    """Simulate a study. Returns: the outcome of every pair of indices, the number of runs, and the cap."""
    sample = Generator(PCG64(SeedSequence(list(seed))))

    def draws() -> Generator:  # the same at every interim analysis of a study: rows are extended, not redrawn
        return Generator(PCG64(SeedSequence([*seed, 1])))

    tasks = [f"task {t}" for t in range(len(case.sides[0]))]
    names = [str(i) for i in range(len(case.sides))]
    family = pairs_of(dict.fromkeys(names, tasks))
    runs = {
        name: {
            task: [drawn(case, draw, sample, design) for _ in range(design.looks)] for task, draw in zip(tasks, side)
        }
        for name, side in zip(names, case.sides)
    }
    # All groups at once, as an interim analysis does not depend on later runs (tests/stats/test_adaptive.py).
    tests = {(a, b): PairTest(design, runs[a], runs[b], draws, rows, exact_up_to=300) for a, b in family}
    decided: dict[tuple[str, str], str] = {}
    taken = 0
    for look in range(1, design.looks + 1):
        active = {name for pair in family if not decided.get(pair) for name in pair}
        taken += len(active) * len(tasks) * design.group_size
        decided.update({(r.ours, r.theirs): r.outcome for r in interim_results(design, tests, family, decided, look)})
    cap = len(names) * len(tasks) * design.cap
    return {(int(a), int(b)): outcome for (a, b), outcome in decided.items()}, taken, cap


def drawn(case: Case, draw: Draw, sample: Generator, design: Design) -> np.ndarray:
    """Draw one group of runs without the missing ones, but at least one run."""
    runs = draw(sample, design.group_size)
    scored = runs[sample.random(len(runs)) >= case.missing]
    return scored if len(scored) else runs[:1]


def measure(index: int, studies: int, rows: int) -> dict[str, Any]:
    case = CASES[index]
    wrong = {"better": 0, "equivalent": 0, "any": 0}
    ends = {BETTER: 0, EQUIVALENT: 0, UNDECIDED: 0}
    taken = cap = pairs = 0
    for number in range(studies):
        outcomes, runs, limit = study(case, (index, number), rows)
        better = any(o == BETTER and case.same[i] == case.same[j] for (i, j), o in outcomes.items())
        equivalent = any(o == EQUIVALENT and pair in case.at_margin for pair, o in outcomes.items())
        wrong["better"] += better
        wrong["equivalent"] += equivalent
        wrong["any"] += better or equivalent
        for outcome in outcomes.values():
            ends[outcome] += 1
        taken, cap, pairs = taken + runs, cap + limit, pairs + len(outcomes)
    return {
        "case": case.name,
        "pairs": pairs // studies,
        "studies": studies,
        **{f"wrong_{kind}": count / studies for kind, count in wrong.items()},
        **{outcome: count / pairs for outcome, count in ends.items()},
        "runs": taken / cap,
        "standard_error": math.sqrt(wrong["any"] / studies * (1 - wrong["any"] / studies) / studies),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2_000, help="simulated studies of each case")
    parser.add_argument("--rows", type=int, default=1_000, help="relabellings drawn where they are not enumerated")
    parser.add_argument("--case", default="", help="only cases whose name has this in it")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    chosen = [i for i, case in enumerate(CASES) if arguments.case in case.name]
    if arguments.json:
        print(json.dumps([measure(i, arguments.studies, arguments.rows) for i in chosen], indent=1))
        return
    began, worst = time.process_time(), 0.0
    print("| data | pairs | studies | wrong better | wrong equivalent | any wrong", end=" ")
    print("| better | equivalent | undecided | runs of the cap |")
    print("|---|" + "--:|" * 9, flush=True)
    for i in chosen:
        row = measure(i, arguments.studies, arguments.rows)
        shares = ("wrong_better", "wrong_equivalent", "wrong_any", BETTER, EQUIVALENT, UNDECIDED, "runs")
        print(f"| {row['case']} | {row['pairs']} | {row['studies']:,} | ", end="")
        print(" | ".join(f"{row[key]:.1%}" for key in shares) + " |", flush=True)
        worst = max(worst, row["standard_error"])
    print(f"\nstandard error of a wrong share at most {worst:.2%};", end=" ")
    print(f"{time.process_time() - began:.0f} s of one core")


if __name__ == "__main__":
    main()
