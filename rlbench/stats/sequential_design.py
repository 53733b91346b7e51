"""Adaptive seeds: which pairs of algorithms are decided after each group of runs, with the family's errors bounded.

Two hypotheses a pair: that there is no difference, whose rejection says which is better; and that the difference is at least
the margin, whose rejection says the two are equivalent within it. Each is rejected by a permutation test and Welch's t
together (`two_sample.py` says why), and each family is stepped down by Holm over all pairs, at `alpha`. Sources: Mathieu et al. 2023, AdaStop, arXiv:2306.10882; Holm 1979; Schuirmann 1987 (two one-sided tests).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.random import Generator

from rlbench.stats.aggregates import overall_iqm, overall_mean
from rlbench.stats.permutation import EXACT_UP_TO
from rlbench.stats.samples import Numbers, Statistic, share
from rlbench.stats.sequential import ROWS, Crossing, Trajectories, crossing, trajectories, uniform_spending
from rlbench.stats.welch import Welch, welch_test

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
    |difference| > boundary and Welch's p is low enough for this look; equivalent if margin + difference > within[0] and
    margin - difference > within[1], and Welch's p on both sides; None where that is not asked. p_welch: two-sided, of no
    difference, None without scores. A side that has passed at an earlier look has passed.
    """

    ours: str
    theirs: str
    look: int
    outcome: str
    winner: str
    difference: float
    boundary: float
    within: tuple[float, float] | None = None
    p_welch: float | None = None


def pairs_of(tasks: Mapping[str, Sequence[str]]) -> list[Pair]:
    """Every pair of algorithms that share a task, in their order; tasks: by algorithm."""
    return [(a, b) for a, b in combinations(tasks, 2) if set(tasks[a]) & set(tasks[b])]


class PairTest:
    """One pair's trajectories over the groups of runs so far: as they are, and with each side lifted by the margin."""

    def __init__(
        self,
        design: Design,
        ours: Grouped,
        theirs: Grouped,
        draws: Callable[[], Generator],
        rows: int = ROWS,
        exact_up_to: int = EXACT_UP_TO,
    ) -> None:
        """Compare on the tasks that both have, all weighing the same.

        draws: gives a generator in the same state at every look, so that a later look extends the rows of an earlier one.
        Raises: ValueError for scores that cannot be tested.
        """
        tasks = [task for task in ours if task in theirs]
        left, right = ([list(group) for group in zip(*(side[task] for task in tasks))] for side in (ours, theirs))

        def walk(left: list[list[Numbers]], right: list[list[Numbers]]) -> Trajectories:
            return trajectories(left, right, draws(), STATISTICS[design.statistic], rows, exact_up_to)

        self.design, self._plain = design, walk(left, right)
        self._welch = [
            _welch(left[:look], right[:look], STATISTICS[design.statistic]) for look in range(1, len(left) + 1)
        ]
        self._lifted: tuple[Trajectories, ...] = ()
        if design.margin is not None and len(left) >= design.first_equivalence:
            self._lifted = walk(_lifted(left, design.margin), right), walk(_lifted(right, design.margin), left)
        self._found: dict[int, tuple[Crossing, ...]] = {}

    def differs(self, part: int, look: int) -> bool:
        """Whether exchangeable labels are rejected at alpha/part by `look`."""
        return 0 < self._crossings(part)[0].look <= look

    def is_within(self, part: int, look: int) -> bool:
        """Whether differences of the margin or more, in either direction, are rejected at alpha/part by `look`."""
        return bool(self._lifted) and all(0 < side.look <= look for side in self._crossings(part)[1:])

    def reading(self, pair: Pair, look: int, outcome: str, part: int, part_within: int) -> Reading:
        """What to say of the pair after `look`, by the boundaries at alpha/part and, of the lifted tests, alpha/part_within."""
        difference = float(self._plain.differences[look - 1])
        winner = pair[0 if difference > 0 else 1] if outcome == BETTER else ""
        within = None
        if self._lifted and look >= self.design.first_equivalence:
            low, high = (side.boundaries[look - 1] for side in self._crossings(part_within)[1:])
            within = (low, high)
        boundary = self._crossings(part)[0].boundaries[look - 1]
        return Reading(*pair, look, outcome, winner, difference, boundary, within, self._welch[look - 1].p)

    def _crossings(self, part: int) -> tuple[Crossing, ...]:
        """Of the plain trajectories and of both lifted ones, at alpha/part."""
        if part not in self._found:
            level, looks = self.design.alpha / part, self.design.looks
            late = uniform_spending(looks, self.design.first_equivalence)
            plain = crossing(self._plain, level, uniform_spending(looks), beside=[found.p for found in self._welch])
            margin = self.design.margin or 0.0
            beside = [w.p_above(-margin) for w in self._welch], [w.p_below(margin) for w in self._welch]
            lifted = (crossing(side, level, late, "above", p) for side, p in zip(self._lifted, beside))
            self._found[part] = (plain, *lifted)
        return self._found[part]


def _welch(left: list[list[Numbers]], right: list[list[Numbers]], statistic: Statistic) -> Welch:
    """Compare all runs of the groups so far, on each task."""
    ours, theirs = ([np.concatenate(groups) for groups in zip(*side)] for side in (left, right))
    return welch_test(ours, theirs, statistic)


def _lifted(groups: list[list[Numbers]], margin: float) -> list[list[Numbers]]:
    return [[runs + margin for runs in group] for group in groups]


def judge(
    design: Design, tests: Mapping[Pair, PairTest], family: Sequence[Pair], decided: Mapping[Pair, str], look: int
) -> list[Reading]:
    """Judge the open pairs of `family` after `look`.

    tests: of the open pairs, with at least so many groups. decided: outcomes of pairs that are closed ("" or absent: open);
    those stay in the family.
    """
    still = {pair: tests[pair] for pair in family if not decided.get(pair)}
    closed = {kind: sum(1 for pair in family if decided.get(pair) == kind) for kind in (BETTER, EQUIVALENT)}
    left = {kind: len(family) - count for kind, count in closed.items()}
    better = _step_down({pair: partial(test.differs, look=look) for pair, test in still.items()}, left[BETTER])
    rest = {pair: partial(test.is_within, look=look) for pair, test in still.items() if pair not in better}
    equivalent = _step_down(rest, left[EQUIVALENT])
    next_steps = max(1, left[BETTER] - len(better)), max(1, left[EQUIVALENT] - len(equivalent))
    at_the_cap = UNDECIDED if look == design.looks else ""
    return [
        test.reading(
            pair,
            look,
            BETTER if pair in better else EQUIVALENT if pair in equivalent else at_the_cap,
            better.get(pair, next_steps[0]),
            equivalent.get(pair, next_steps[1]),
        )
        for pair, test in still.items()
    ]


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
