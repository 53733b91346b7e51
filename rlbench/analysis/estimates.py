"""What an algorithm's runs are estimated to score, with the interval: the table, the page and the frames all ask here.

So the same runs have the same digits wherever they stand. Which interval suits which statistic: docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, resamples_for, seeded
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

# Over one task the median is that of its runs; over several the field's, of the tasks' means.
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


def estimated(
    runs: Sequence[NDArray[np.float64]],
    keys: Sequence[str],
    name: str = "iqm",
    of: Mapping[str, tuple[Statistic, str]] = OF_ONE,
) -> Interval:
    """One algorithm's estimate `name` of OF_ONE or OF_ALL with its 95 % interval, NaN under 3 runs on one of the tasks.

    Args: runs: one [n_task] array a task, in the suite's order; keys: of all these runs, which seed the bootstrap.
    """
    statistic, method = of[name]
    if min(map(len, runs)) < FEWEST_FOR_INTERVAL:
        note = f"under {FEWEST_FOR_INTERVAL} runs"
        return Interval(float(statistic(runs)), np.nan, np.nan, 0.95, "", note)
    draw = seeded(keys, "" if name == "iqm" else name)  # the headline was first: its digits stand in published tables
    return bootstrap_interval(runs, statistic, draw, method, resamples=resamples_for(sum(map(len, runs))))
