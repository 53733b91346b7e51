"""Sequential design: which pairs of algorithms are decided after each group of runs, with bounded family-wise errors.

Each pair has two hypotheses. Rejecting "there is no difference" shows which algorithm is better. Rejecting "the
difference is at least the margin" shows that the two are equivalent within the margin. A hypothesis is rejected if a
permutation test and Welch's t both reject it (`two_sample.py` explains why). Each of the two families is stepped down
by Holm over all pairs, at `alpha`. A look is an interim analysis. Sources: Mathieu et al. 2023, AdaStop,
arXiv:2306.10882; Holm 1979; Schuirmann 1987 (two one-sided tests).
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
from rlbench.stats.welch import WelchTest, welch_test

STATISTICS: dict[str, Statistic] = {"mean": overall_mean, "iqm": overall_iqm}
BETTER, EQUIVALENT, UNDECIDED = "better", "equivalent", "undecided"
Pair = tuple[str, str]
Grouped = Mapping[str, Sequence[Numbers]]  # by task, one [n] array a group of runs


@dataclass(frozen=True)
class Design:
    """The settings of a sequential test, which are fixed before the first run.

    alpha: the probability of any wrong "better", and of any wrong "equivalent". margin: the difference that does not
    matter, in the unit of the scores, or None for no verdict of equivalence. statistic: one of STATISTICS. group_size:
    runs added before each look. looks: the maximum number of looks.
    """

    alpha: float = 0.05
    margin: float | None = 0.05
    statistic: str = "mean"
    group_size: int = 5
    looks: int = 6

    def __post_init__(self) -> None:
        share(self.alpha, "alpha")
        if self.margin is not None and not self.margin > 0:
            raise ValueError(f"the margin is {self.margin}; it must be a positive difference of scores")
        if self.statistic not in STATISTICS:
            raise ValueError(f"unknown statistic {self.statistic!r}; use one of {', '.join(STATISTICS)}")
        if self.group_size < 2 or self.looks < 1:
            raise ValueError(
                f"{self.looks} interim analyses of groups of {self.group_size}: use at least 1, and at least 2 runs a"
                " group"
            )

    @property
    def cap(self) -> int:
        """Maximum number of runs of an algorithm on a task."""
        return self.group_size * self.looks

    @property
    def first_equivalence(self) -> int:
        """The first look that may call a pair equivalent: earlier, a rare failure may not have occurred yet."""
        return (self.looks + 1) // 2


@dataclass(frozen=True)
class InterimResult:
    """The result of a pair after a look.

    outcome: better, equivalent, undecided (at the cap) or "" (open). winner: the better algorithm, or "".
    difference: statistic(ours) - statistic(theirs).
    boundary: the boundary at this look and step of Holm. The pair is "better" if |difference| > boundary and Welch's p
    is low enough for this look.
    within: the two boundaries of equivalence at this look and step of Holm; None if equivalence is not tested. The pair
    is "equivalent" if margin + difference > within[0] and margin - difference > within[1], and Welch's p is low enough
    for both. An inequality that was shown at an earlier look stays shown.
    p_welch: Welch's two-sided p against no difference; None if scores are missing.
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
    """Return every pair of algorithms that share a task, in their order. tasks: by algorithm."""
    return [(a, b) for a, b in combinations(tasks, 2) if set(tasks[a]) & set(tasks[b])]


class PairTest:
    """Trajectories of one pair over the groups of runs so far: unshifted, and with each side raised by the margin."""

    def __init__(
        self,
        design: Design,
        ours: Grouped,
        theirs: Grouped,
        draws: Callable[[], Generator],
        rows: int = ROWS,
        exact_up_to: int = EXACT_UP_TO,
    ) -> None:
        """Compare the sides on the tasks that both have, with equal weight for each task.

        draws: returns a generator in the same state at every look, so that a later look extends the rows of an earlier
        one.
        Raises: ValueError for scores that cannot be tested.
        """
        tasks = [task for task in ours if task in theirs]
        left, right = ([list(group) for group in zip(*(side[task] for task in tasks))] for side in (ours, theirs))

        def paths_of(left: list[list[Numbers]], right: list[list[Numbers]]) -> Trajectories:
            return trajectories(left, right, draws(), STATISTICS[design.statistic], rows, exact_up_to)

        self.design, self._plain = design, paths_of(left, right)
        self._welch = [
            _welch(left[:look], right[:look], STATISTICS[design.statistic]) for look in range(1, len(left) + 1)
        ]
        self._raised: tuple[Trajectories, ...] = ()
        if design.margin is not None and len(left) >= design.first_equivalence:
            self._raised = paths_of(_raised(left, design.margin), right), paths_of(_raised(right, design.margin), left)
        self._crossings_by_part: dict[int, tuple[Crossing, ...]] = {}

    def differs(self, part: int, look: int) -> bool:
        """Return whether a difference is shown, at alpha/part, at interim analysis `look` or earlier."""
        return 0 < self._crossings(part)[0].look <= look

    def is_within(self, part: int, look: int) -> bool:
        """Return whether the difference is shown to be within the margin at interim analysis `look`, or earlier.

        Both "it is the margin or more" and "it is minus the margin or less" must be rejected, each at alpha/part.
        """
        return bool(self._raised) and all(0 < side.look <= look for side in self._crossings(part)[1:])

    def result(self, pair: Pair, look: int, outcome: str, part: int, part_within: int) -> InterimResult:
        """Return the result of the pair after `look`.

        part, part_within: use the boundaries at the level alpha/part and, for equivalence, at alpha/part_within.
        """
        difference = float(self._plain.differences[look - 1])
        winner = pair[0 if difference > 0 else 1] if outcome == BETTER else ""
        within = None
        if self._raised and look >= self.design.first_equivalence:
            low, high = (side.boundaries[look - 1] for side in self._crossings(part_within)[1:])
            within = (low, high)
        boundary = self._crossings(part)[0].boundaries[look - 1]
        return InterimResult(*pair, look, outcome, winner, difference, boundary, within, self._welch[look - 1].p)

    def _crossings(self, part: int) -> tuple[Crossing, ...]:
        """Return the crossings of the unshifted trajectories and of both raised ones, at alpha/part."""
        if part not in self._crossings_by_part:
            level, looks = self.design.alpha / part, self.design.looks
            late = uniform_spending(looks, self.design.first_equivalence)
            plain = crossing(self._plain, level, uniform_spending(looks), beside=[welch.p for welch in self._welch])
            margin = self.design.margin or 0.0
            beside = [w.p_above(-margin) for w in self._welch], [w.p_below(margin) for w in self._welch]
            raised = (crossing(side, level, late, "above", p) for side, p in zip(self._raised, beside))
            self._crossings_by_part[part] = (plain, *raised)
        return self._crossings_by_part[part]


def _welch(left: list[list[Numbers]], right: list[list[Numbers]], statistic: Statistic) -> WelchTest:
    """Compare all runs of the groups so far, on each task."""
    ours, theirs = ([np.concatenate(groups) for groups in zip(*side)] for side in (left, right))
    return welch_test(ours, theirs, statistic)


def _raised(groups: list[list[Numbers]], margin: float) -> list[list[Numbers]]:
    return [[runs + margin for runs in group] for group in groups]


def interim_results(
    design: Design, tests: Mapping[Pair, PairTest], family: Sequence[Pair], decided: Mapping[Pair, str], look: int
) -> list[InterimResult]:
    """Return the results of the open pairs of `family` after `look`.

    tests: one for each open pair, with at least `look` groups of runs. decided: outcome by pair; an open pair has "" or
    no entry. family: all pairs, also decided pairs, because the correction counts them.
    """
    open_tests = {pair: tests[pair] for pair in family if not decided.get(pair)}
    closed = {kind: sum(1 for pair in family if decided.get(pair) == kind) for kind in (BETTER, EQUIVALENT)}
    remaining = {kind: len(family) - count for kind, count in closed.items()}
    better = _step_down(
        {pair: partial(test.differs, look=look) for pair, test in open_tests.items()}, remaining[BETTER]
    )
    not_better = {pair: partial(test.is_within, look=look) for pair, test in open_tests.items() if pair not in better}
    equivalent = _step_down(not_better, remaining[EQUIVALENT])
    next_steps = max(1, remaining[BETTER] - len(better)), max(1, remaining[EQUIVALENT] - len(equivalent))
    at_the_cap = UNDECIDED if look == design.looks else ""
    return [
        test.result(
            pair,
            look,
            BETTER if pair in better else EQUIVALENT if pair in equivalent else at_the_cap,
            better.get(pair, next_steps[0]),
            equivalent.get(pair, next_steps[1]),
        )
        for pair, test in open_tests.items()
    ]


def _step_down(tests: Mapping[Pair, Callable[[int], bool]], members: int) -> dict[Pair, int]:
    """Return the pairs that Holm's steps reject, each with the c of the level alpha/c at which it was rejected.

    tests: for each pair, a function of c that returns whether the pair is rejected at alpha/c. members: how many pairs
    of the family are not rejected so far. A pair counts as rejected at alpha/c only if it is also rejected at every
    greater level: rejections are then nested, as Holm's proof requires.
    """
    parts_rejected = {
        pair: next((c for c in range(members) if not rejected(c + 1)), members) for pair, rejected in tests.items()
    }
    steps: dict[Pair, int] = {}
    for pair in sorted(parts_rejected, key=lambda pair: -parts_rejected[pair]):
        if parts_rejected[pair] < members:
            break
        steps[pair] = members
        members -= 1
    return steps
