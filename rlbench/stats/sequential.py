"""Group-sequential permutation test of two algorithms. Runs come in groups, and testing may stop after each group.

Labels are exchanged within each group of each task, so a look at the first groups reveals nothing about later
exchanges. A look is an interim analysis. A row is one relabelling of every group; its differences at all looks are its
trajectory. Row 0 has the observed labels. Source: Mathieu et al. 2023, AdaStop, arXiv:2306.10882, section 4.
docs/adaptive.md lists the differences from AdaStop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats.aggregates import overall_mean
from rlbench.stats.permutation import EXACT_UP_TO, every_split
from rlbench.stats.samples import Numbers, Statistic, as_pairs, share

ROWS = 20_000
Groups = Sequence[Sequence[Numbers]]  # for each group of runs, one array [n] for each task
_SIDES = ("both", "above")


@dataclass(frozen=True)
class Trajectories:
    """statistic(ours) - statistic(theirs) of each row after each look.

    exact: [e, rows], every relabelling of the first e groups; e is 0 if even the first group has too many.
    drawn: [k, rows], row 0 and random rows at all k looks; None if k = e.
    rounding: differences closer than this are equal.
    """

    exact: Numbers
    drawn: Numbers | None
    rounding: float

    @property
    def looks(self) -> int:
        return len(self.exact) if self.drawn is None else len(self.drawn)

    @property
    def differences(self) -> Numbers:
        """The observed difference after each look [k]."""
        return (self.exact if self.drawn is None else self.drawn)[:, 0]


@dataclass(frozen=True)
class Crossing:
    """When the observed difference first crossed a boundary.

    look: number of that look, from 1, or 0 if no boundary was crossed. boundaries: the boundary of each look so far.
    spent: the share of all relabellings that crossed a boundary, at most the level.
    """

    look: int
    boundaries: tuple[float, ...]
    spent: float


def trajectories(
    ours: Groups,
    theirs: Groups,
    generator: Generator,
    statistic: Statistic = overall_mean,
    rows: int = ROWS,
    exact_up_to: int = EXACT_UP_TO,
) -> Trajectories:
    """Return how the difference changes as groups come in, observed and relabelled.

    All relabellings of the first groups are enumerated as long as there are at most `exact_up_to`. For later looks,
    `rows` random relabellings are drawn, group by group. A generator in the same state therefore extends the rows of an
    earlier look, so that all looks together are a valid test. Run counts may differ between groups, tasks and sides.
    Raises: ValueError for no group, sides with different groups or tasks, or scores not finite.
    """
    if not ours or len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} groups against {len(theirs)}: both sides need the same groups, at least one")
    strata = [list(as_pairs(list(left), list(right)).values()) for left, right in zip(ours, theirs)]
    if len({len(group) for group in strata}) != 1:
        raise ValueError("groups have different tasks: every group needs runs of every task")
    rounding = 1e-12 * max(1e-300, *(float(np.abs(side).max()) for group in strata for pair in group for side in pair))
    sizes = np.cumprod(
        [math.prod(math.comb(len(a) + len(b), len(a)) for a, b in group) for group in strata], dtype=float
    )
    exact = int((sizes <= exact_up_to).sum())
    enumerated = _enumerate_rows(strata[:exact], int(sizes[exact - 1]), statistic) if exact else np.zeros((0, 1))
    drawn = (
        None if exact == len(strata) else _differences(_draw_rows(strata, generator, rows), len(strata[0]), statistic)
    )
    return Trajectories(enumerated, drawn, rounding)


Strata = Sequence[Sequence[tuple[Numbers, Numbers]]]  # for each group, one pair of sides a task
Relabelled = list[tuple[Numbers, Numbers]]  # for each stratum, its two sides [rows, n] and [rows, m]


def _enumerate_rows(strata: Strata, splits: int, statistic: Statistic) -> Numbers:
    """Return the differences [groups, splits]; the first split leaves the labels as they are."""
    flat, tasks = [pair for group in strata for pair in group], len(strata[0])
    return np.concatenate(
        [_differences(list(zip(lefts, rights)), tasks, statistic) for lefts, rights in every_split(flat, splits)], -1
    )


def _draw_rows(strata: Strata, generator: Generator, rows: int) -> Relabelled:
    """Return row 0 as observed, then `rows` random rows; each stratum is drawn completely before the next."""
    sides = []
    for left, right in (pair for group in strata for pair in group):
        pool, n = np.concatenate([left, right]), len(left)
        values = pool[np.argsort(generator.random((rows, len(pool))), -1)]
        values = np.concatenate([pool[None], values])
        sides.append((values[:, :n], values[:, n:]))
    return sides


def _differences(relabelled: Relabelled, tasks: int, statistic: Statistic) -> Numbers:
    """Return the difference of all runs so far after each group [groups, rows]."""
    differences = []
    for end in range(tasks, len(relabelled) + 1, tasks):
        sides = [
            [np.concatenate([pair[side] for pair in relabelled[task:end:tasks]], -1) for task in range(tasks)]
            for side in (0, 1)
        ]
        differences.append(statistic(sides[0]) - statistic(sides[1]))
    return np.stack(differences)


def uniform_spending(looks: int, first: int = 1) -> tuple[float, ...]:
    """Return the share of the level that may be spent by each look.

    It is 0 before look `first` and grows in equal parts from there.
    """
    if not 1 <= first <= looks:
        raise ValueError(f"spending cannot begin at look {first}: the looks are 1 to {looks}")
    return tuple(max(0, look - first + 1) / (looks - first + 1) for look in range(1, looks + 1))


def crossing(
    paths: Trajectories,
    level: float,
    spending: Sequence[float],
    side: str = "both",
    beside: Sequence[float] | None = None,
) -> Crossing:
    """Find where the observed difference crosses a boundary that at most a share `level` of all rows ever cross.

    The boundary of look i is the smallest value such that the rows beyond it, together with those that crossed before,
    are at most level · spending[i - 1]. side: rows cross by their absolute value ("both") or by their value ("above").
    Under exchangeable labels the observed row is like any other, so it crosses with probability at most `level`.

    beside: the p of another test of the same hypothesis at each look. If given, the observed row crosses only if this p
    is at most the look's own level, too. The look's own level is the share of all rows beyond its boundary, or the
    share that the look may spend, whichever is larger.
    """
    share(level, "the level")
    if side not in _SIDES:
        raise ValueError(f"unknown side {side!r}; use one of {', '.join(_SIDES)}")
    if len(spending) < paths.looks or any(b < a for a, b in zip(spending, spending[1:])) or spending[-1] > 1:
        raise ValueError(f"spending {tuple(spending)} must not decrease or exceed 1 over {paths.looks} looks")
    boundaries: list[float] = []
    spent, look = 0.0, 0
    for rows, known_looks in ((paths.exact, 0), (paths.drawn, len(paths.exact))):
        if rows is None or len(rows) <= known_looks:
            continue
        outward = np.abs(rows) if side == "both" else rows
        inside = np.ones(rows.shape[-1], bool)
        for i, values in enumerate(outward):
            if i >= known_looks:
                allowed = math.floor(rows.shape[-1] * (level * spending[i] - spent) + 1e-9)
                boundaries.append(_boundary(values[inside], allowed))
            is_far = values > boundaries[i] + paths.rounding
            beyond = inside & is_far
            if i >= known_looks:
                spent += float(beyond.sum()) / rows.shape[-1]
                own_level = level * (spending[i] - (spending[i - 1] if i else 0.0))
                agreed = beside is None or beside[i] <= max(own_level, float(is_far.mean()))
                if is_far[0] and agreed and not look:
                    look = i + 1
            inside &= ~beyond
    return Crossing(look, tuple(boundaries), spent)


def _boundary(values: NDArray[np.float64], allowed: int) -> float:
    """Return the smallest value that at most `allowed` of the values exceed, or -inf if all of them may exceed it."""
    if allowed >= len(values):
        return -math.inf
    return float(np.partition(values, len(values) - 1 - max(0, allowed))[len(values) - 1 - max(0, allowed)])
