"""Differences of any point estimate between two algorithms, ours minus theirs. The unit of resampling is the run.

Runs of both sides are resampled independently within each task. Nothing is paired: seed 3 of one side and seed 3 of the
other share only a number.
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
    """Return statistic(ours) - statistic(theirs) over all tasks, with its bootstrap interval.

    Args: as `bootstrap_interval`, for two sides with the same tasks and any numbers of runs ≥ 2.
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
    """Return the `difference` of each task alone, by task."""
    return {
        name: difference([left], [right], statistic, generator, method, level, resamples)
        for name, (left, right) in as_pairs(ours, theirs, fewest=2).items()
    }


@dataclass(frozen=True)
class NonInferiority:
    """The result of a non-inferiority test. holds: ours is shown not to be worse than theirs by `margin` or more.

    lower: the one-sided bound of the difference; the test holds if it is above -margin.
    """

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
) -> NonInferiority:
    """Test non-inferiority: compare the one-sided lower percentile bound of the difference at `level` with -margin.

    The margin is chosen before the runs are seen, in the unit of the scores. A test that does not hold is no evidence
    that ours is worse. Source: Piaggio et al. 2012, JAMA 308:2594. Raises: ValueError for a margin that is not
    positive, a level not above one half, and as `difference`.
    """
    if not margin > 0:
        raise ValueError(f"the margin is {margin}; it is the loss that is still acceptable, and must be positive")
    if not share(level, "the level") > 0.5:
        raise ValueError(f"the level is {level}; a one-sided bound needs a level above 0.5, such as 0.95")
    interval = difference(ours, theirs, statistic, generator, level=2 * level - 1, resamples=resamples)
    return NonInferiority(interval.estimate, interval.low, margin, level, interval.low > -margin)
