"""Differences between two algorithms, ours minus theirs, of any point estimate; the unit of resampling is the run.

The runs of both sides are resampled independently within each task: seed 3 of one and of the other share nothing but a
number, so nothing is paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from rlbench.stats.aggregates import overall_iqm
from rlbench.stats.bootstrap import Interval, check_method, interval_of, standard_error
from rlbench.stats.resampling import RESAMPLES
from rlbench.stats.samples import Numbers, Scores, Statistic, Tasks, as_pairs, share


def difference(
    ours: Scores,
    theirs: Scores,
    statistic: Statistic,
    generator: Generator,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """statistic(ours) - statistic(theirs) over all tasks, with its bootstrap interval.

    Args: as `bootstrap_interval`, of two sides with the same tasks and any numbers of runs ≥ 2.
    Raises: ValueError as `bootstrap_interval`, and if the tasks differ.
    """
    check_method(method, statistic)
    pairs = as_pairs(ours, theirs, fewest=2).values()
    tasks = len(pairs)

    def between(strata: Tasks) -> Numbers:
        return statistic(strata[:tasks]) - statistic(strata[tasks:])

    def error(strata: Tasks) -> Numbers:
        return np.hypot(standard_error(strata[:tasks]), standard_error(strata[tasks:]))

    strata = [left for left, _ in pairs] + [right for _, right in pairs]
    return interval_of(strata, between, generator, method, level, resamples, error, [1] * tasks + [-1] * tasks)


def difference_per_task(
    ours: Scores,
    theirs: Scores,
    statistic: Statistic,
    generator: Generator,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """`difference` of each task alone, by task."""
    return {
        name: difference([left], [right], statistic, generator, method, level, resamples)
        for name, (left, right) in as_pairs(ours, theirs, fewest=2).items()
    }


@dataclass(frozen=True)
class NotWorse:
    """Whether ours is not worse than theirs by `margin` or more: `lower`, the one-sided bound, lies above -margin."""

    estimate: float
    lower: float
    margin: float
    level: float
    holds: bool


def not_worse(
    ours: Scores,
    theirs: Scores,
    margin: float,
    generator: Generator,
    statistic: Statistic = overall_iqm,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> NotWorse:
    """Non-inferiority: the one-sided lower percentile bound of the difference at `level`, held against -margin.

    The margin is chosen before the runs are seen, in the units of the scores. That it does not hold is no evidence that
    ours is worse. Source: Piaggio et al. 2012, JAMA 308:2594. Raises: ValueError for a margin that is not positive, a
    level not above one half, and as `difference`.
    """
    if not margin > 0:
        raise ValueError(f"the margin is {margin}; it is the positive loss that would still be acceptable")
    if not share(level, "the level") > 0.5:
        raise ValueError(f"the level is {level}; a one-sided bound has one above 0.5, as 0.95 is")
    found = difference(ours, theirs, statistic, generator, level=2 * level - 1, resamples=resamples)
    return NotWorse(found.estimate, found.low, margin, level, found.low > -margin)
