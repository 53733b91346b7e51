"""Adaptive seeds: which pairs of algorithms are decided after each group of runs, with the family's errors bounded.

Two hypotheses a pair: that labels do not matter, whose rejection says which is better; and that the difference is at least
the margin, whose rejection says the two are equivalent within it. Each family is stepped down by Holm over all pairs, at
`alpha`. Sources: Mathieu et al. 2023, AdaStop, arXiv:2306.10882; Holm 1979; Schuirmann 1987 (two one-sided tests).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from numpy.random import Generator

from rlbench.stats.aggregate import overall_iqm, overall_mean
from rlbench.stats.permutation import EXACT_UP_TO
from rlbench.stats.samples import Numbers, Statistic, share
from rlbench.stats.sequential import ROWS, Crossing, Trajectories, crossing, trajectories, uniform_spending

STATISTICS: dict[str, Statistic] = {"mean": overall_mean, "iqm": overall_iqm}
BETTER, EQUIVALENT, UNDECIDED = "better", "equivalent", "undecided"
Pair = tuple[str, str]
Grouped = Mapping[str, Sequence[Numbers]]  # by task, one [n] array a group of runs


@dataclass(frozen=True)
class Design:
    """What is fixed before the first run. alpha: the chance of a wrong "better" anywhere, and of a wrong "equivalent"
    anywhere; margin: the difference that does not matter, in units of the scores, or None for no verdict of equivalence;
    statistic: one of STATISTICS; group_size: runs added to a look; looks: how many there are at most.
    """

    alpha: float = 0.05
    margin: float | None = 0.05
    statistic: str = "mean"
    group_size: int = 5
    looks: int = 6

    def __post_init__(self) -> None:
        share(self.alpha, "alpha")
        if self.margin is not None and not self.margin > 0:
            raise ValueError(f"the margin is {self.margin}; it is a positive difference of scores")
        if self.statistic not in STATISTICS:
            raise ValueError(f"the statistic is {self.statistic!r}; it is one of {', '.join(STATISTICS)}")
        if self.group_size < 2 or self.looks < 1:
            raise ValueError(f"{self.looks} looks at groups of {self.group_size}: at least 1 look, and 2 runs a group")

    @property
    def cap(self) -> int:
        """Runs of an algorithm on a task, at most."""
        return self.group_size * self.looks

    @property
    def first_equivalence(self) -> int:
        """The first look that may call a pair equivalent: a failure that is rare has not shown in the first half."""
        return (self.looks + 1) // 2


@dataclass(frozen=True)
class Reading:
    """How a pair stands after a look. outcome: better, equivalent, undecided (at the cap) or "" (open); winner: the better
    one; difference: statistic(ours) - statistic(theirs). What it is held against at this look and step of Holm: better if
    |difference| > boundary; equivalent if margin + difference > within[0] and margin - difference > within[1], None
    where that is not asked. A side that has passed at an earlier look has passed.
    """

    ours: str
    theirs: str
    look: int
    outcome: str
    winner: str
    difference: float
    boundary: float
    within: tuple[float, float] | None = None


def pairs_of(tasks: Mapping[str, Sequence[str]]) -> list[Pair]:
    """Every pair of algorithms that share a task, in their order; tasks: by algorithm."""
    return [(a, b) for a, b in combinations(tasks, 2) if set(tasks[a]) & set(tasks[b])]


def judge(
    design: Design,
    scores: Mapping[str, Grouped],
    family: Sequence[Pair],
    decided: Mapping[Pair, str],
    draws: Callable[[], Generator],
    rows: int = ROWS,
    exact_up_to: int = EXACT_UP_TO,
) -> list[Reading]:
    """Judge the open pairs of `family` after their newest group of runs.

    scores: by algorithm and task, the groups so far; a pair is compared on the tasks both have, all weighing the same.
    decided: outcomes of pairs that are closed ("" or absent: open); they stay in the family. draws: gives a generator in
    the same state at every look. Raises: ValueError for scores that cannot be tested.
    """
    tests = {
        (ours, theirs): _Test(design, *_shared(scores[ours], scores[theirs]), draws, rows, exact_up_to)
        for ours, theirs in family
        if not decided.get((ours, theirs))
    }
    closed = {kind: sum(1 for pair in family if decided.get(pair) == kind) for kind in (BETTER, EQUIVALENT)}
    better = _step_down({pair: test.differs for pair, test in tests.items()}, len(family) - closed[BETTER])
    rest = {pair: test.is_within for pair, test in tests.items() if pair not in better}
    equivalent = _step_down(rest, len(family) - closed[EQUIVALENT])
    step = {BETTER: len(family) - closed[BETTER] - len(better)}
    step[EQUIVALENT] = len(family) - closed[EQUIVALENT] - len(equivalent)
    return [
        test.reading(
            pair,
            BETTER if pair in better else EQUIVALENT if pair in equivalent else "",
            better.get(pair, max(1, step[BETTER])),
            equivalent.get(pair, max(1, step[EQUIVALENT])),
        )
        for pair, test in tests.items()
    ]


def _shared(ours: Grouped, theirs: Grouped) -> tuple[list[list[Numbers]], list[list[Numbers]]]:
    """Both sides by group, then by the tasks that both have."""
    tasks = [task for task in ours if task in theirs]
    left, right = ([list(group) for group in zip(*(side[task] for task in tasks))] for side in (ours, theirs))
    return left, right


def _step_down(tests: Mapping[Pair, Callable[[int], bool]], members: int) -> dict[Pair, int]:
    """Holm's steps: the pairs rejected, and the part 1/c of alpha that each was rejected at.

    tests: whether a pair is rejected at alpha/c. members: how many of the family are not rejected so far. A pair counts as
    rejected at alpha/c only if it is at every greater level too, so that rejections are nested, as Holm's proof needs.
    """
    reach = {
        pair: next((c for c in range(members) if not rejected(c + 1)), members) for pair, rejected in tests.items()
    }
    steps: dict[Pair, int] = {}
    for pair in sorted(reach, key=lambda pair: -reach[pair]):
        if reach[pair] < members:
            break
        steps[pair] = members
        members -= 1
    return steps


class _Test:
    """One pair's trajectories: as they are, and with each side lifted by the margin."""

    def __init__(
        self,
        design: Design,
        ours: list[list[Numbers]],
        theirs: list[list[Numbers]],
        draws: Callable[[], Generator],
        rows: int,
        exact_up_to: int,
    ) -> None:
        def walk(left: list[list[Numbers]], right: list[list[Numbers]]) -> Trajectories:
            return trajectories(left, right, draws(), STATISTICS[design.statistic], rows, exact_up_to)

        self._design, self.look = design, len(ours)
        self._plain, self._lifted = walk(ours, theirs), None
        if design.margin is not None and self.look >= design.first_equivalence:
            self._lifted = walk(_lifted(ours, design.margin), theirs), walk(_lifted(theirs, design.margin), ours)

    def differs(self, part: int) -> bool:
        return self._difference(part).look > 0

    def is_within(self, part: int) -> bool:
        return self._lifted is not None and all(side.look > 0 for side in self._sides(part, self._lifted))

    def reading(self, pair: Pair, outcome: str, part: int, part_within: int) -> Reading:
        difference = float(self._plain.differences[-1])
        if not outcome and self.look == self._design.looks:
            outcome = UNDECIDED
        winner = pair[0 if difference > 0 else 1] if outcome == BETTER else ""
        within = None
        if self._lifted is not None:
            low, high = (side.boundaries[-1] for side in self._sides(part_within, self._lifted))
            within = (low, high)
        return Reading(*pair, self.look, outcome, winner, difference, self._difference(part).boundaries[-1], within)

    def _difference(self, part: int) -> Crossing:
        return crossing(self._plain, self._design.alpha / part, uniform_spending(self._design.looks))

    def _sides(self, part: int, lifted: tuple[Trajectories, Trajectories]) -> list[Crossing]:
        spending = uniform_spending(self._design.looks, self._design.first_equivalence)
        return [crossing(side, self._design.alpha / part, spending, "above") for side in lifted]


def _lifted(groups: list[list[Numbers]], margin: float) -> list[list[Numbers]]:
    return [[runs + margin for runs in group] for group in groups]
