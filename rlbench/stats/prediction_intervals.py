"""Prediction intervals for the mean of m further runs, given n runs, and intervals of a mean by itself.

Exact for normal scores. Source: Hahn & Meeker 1991, Statistical Intervals, ch. 4.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.stats.samples import as_samples, share
from rlbench.stats.student_t import t_quantile


def prediction_interval(runs: NDArray[Any], further: int = 1, level: float = 0.95) -> tuple[float, float]:
    """Return mean ± t s √(1/n + 1/further) for runs [n] of one task, n ≥ 2.

    It contains the mean of `further` more runs with probability `level`.
    """
    values = next(iter(as_samples([np.asarray(runs, float)], fewest=2).values()))
    if further < 1:
        raise ValueError(f"{further} further runs: predict at least one")
    return _around(values, math.sqrt(1 / len(values) + 1 / further), level)


def mean_interval(runs: NDArray[Any], level: float = 0.95) -> tuple[float, float]:
    """Return Student's interval mean ± t s / √n of runs [n] of one task, n ≥ 2."""
    values = next(iter(as_samples([np.asarray(runs, float)], fewest=2).values()))
    return _around(values, math.sqrt(1 / len(values)), level)


def _around(values: NDArray[np.float64], scale: float, level: float) -> tuple[float, float]:
    reach = t_quantile(0.5 + share(level, "the level") / 2, len(values) - 1) * float(values.std(ddof=1)) * scale
    centre = float(values.mean())
    return centre - reach, centre + reach


def welch_interval(
    mean: float, deviation: float, n: int, runs: NDArray[Any], level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of mean(runs) - mean, for runs [m] against n other runs.

    mean, deviation: of the n other runs; the deviation has the divisor n - 1. Source: Welch 1947; degrees of freedom by
    Satterthwaite, at least 1.
    """
    values = next(iter(as_samples([np.asarray(runs, float)], fewest=2).values()))
    if n < 2 or deviation < 0:
        raise ValueError(f"a deviation of {deviation} over {n} runs: it must be 0 or more, over at least two runs")
    parts = (float(values.var(ddof=1)) / len(values), deviation**2 / n)
    squared = sum(parts)
    freedom = squared**2 / (parts[0] ** 2 / (len(values) - 1) + parts[1] ** 2 / (n - 1)) if squared > 0 else 1.0
    reach = t_quantile(0.5 + share(level, "the level") / 2, max(1.0, freedom)) * math.sqrt(squared)
    between = float(values.mean()) - mean
    return between - reach, between + reach
