"""Point estimates of an algorithm's score with their intervals, shared by the table, the report and the data frames.

The same runs therefore show the same digits everywhere. docs/statistics.md explains the choice of intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, resamples_for, seeded_generator
from rlbench.stats import (
    Interval,
    bootstrap_interval,
    optimality_gap,
    overall_iqm,
    overall_mean,
    overall_median,
    pooled_median,
)
from rlbench.stats.samples import Statistic

# On one task, the median over its runs. Over several tasks, the usual definition: the median of the tasks' means.
OF_ONE: Mapping[str, tuple[Statistic, str]] = {
    "iqm": (overall_iqm, "percentile"),
    "mean": (overall_mean, "bootstrap-t"),
    "median": (pooled_median, "percentile"),
}
OF_ALL: Mapping[str, tuple[Statistic, str]] = {
    **OF_ONE,
    "median": (overall_median, "percentile"),
    "optimality_gap": (optimality_gap, "percentile"),
}


def interval_estimate(
    runs: Sequence[NDArray[np.float64]],
    keys: Sequence[str],
    name: str = "iqm",
    of: Mapping[str, tuple[Statistic, str]] = OF_ONE,
) -> Interval:
    """Return the estimate `name` of one algorithm with its 95 % interval, which is NaN if a task has fewer than 3 runs.

    Args: runs: one array [n] for each task, in the suite's order; keys: the keys of all these runs, which seed the
    bootstrap; name: a key of `of`; of: OF_ONE or OF_ALL.
    """
    statistic, method = of[name]
    if min(map(len, runs)) < FEWEST_FOR_INTERVAL:
        note = f"under {FEWEST_FOR_INTERVAL} runs"
        return Interval(float(statistic(runs)), np.nan, np.nan, 0.95, "", note)
    generator = seeded_generator(
        keys, "" if name == "iqm" else name
    )  # "iqm" is seeded without its name, because published tables contain the digits that this seed gives
    return bootstrap_interval(runs, statistic, generator, method, resamples=resamples_for(sum(map(len, runs))))
