"""Prediction intervals: where the mean of m further runs lies, given n runs; and the interval of a mean by itself.

Exact if scores are normal. Source: Hahn & Meeker 1991, Statistical Intervals, ch. 4.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.stats.samples import as_samples, share


def prediction_interval(runs: NDArray[Any], further: int = 1, level: float = 0.95) -> tuple[float, float]:
    """mean ± t s √(1/n + 1/further) of runs [n] of one task, n ≥ 2: holds the mean of that many further runs."""
    values = next(iter(as_samples([np.asarray(runs, float)], fewest=2).values()))
    if further < 1:
        raise ValueError(f"{further} further runs: at least one is predicted")
    return _around(values, math.sqrt(1 / len(values) + 1 / further), level)


def mean_interval(runs: NDArray[Any], level: float = 0.95) -> tuple[float, float]:
    """Student's interval mean ± t s / √n of runs [n] of one task, n ≥ 2."""
    values = next(iter(as_samples([np.asarray(runs, float)], fewest=2).values()))
    return _around(values, math.sqrt(1 / len(values)), level)


def _around(values: NDArray[np.float64], scale: float, level: float) -> tuple[float, float]:
    reach = t_quantile(0.5 + share(level, "the level") / 2, len(values) - 1) * float(values.std(ddof=1)) * scale
    centre = float(values.mean())
    return centre - reach, centre + reach


def welch_interval(
    mean: float, deviation: float, n: int, runs: NDArray[Any], level: float = 0.95
) -> tuple[float, float]:
    """The interval of mean(runs) - mean, of runs [m] against n others of which mean and deviation (n - 1) are known.

    Source: Welch 1947; degrees of freedom by Satterthwaite, floored at 1.
    """
    values = next(iter(as_samples([np.asarray(runs, float)], fewest=2).values()))
    if n < 2 or deviation < 0:
        raise ValueError(f"a deviation of {deviation} over {n} runs: it takes two runs, and is 0 or more")
    parts = (float(values.var(ddof=1)) / len(values), deviation**2 / n)
    squared = sum(parts)
    freedom = squared**2 / (parts[0] ** 2 / (len(values) - 1) + parts[1] ** 2 / (n - 1)) if squared > 0 else 1.0
    reach = t_quantile(0.5 + share(level, "the level") / 2, max(1.0, freedom)) * math.sqrt(squared)
    between = float(values.mean()) - mean
    return between - reach, between + reach


@cache
def t_quantile(probability: float, freedom: float) -> float:
    """Student's t at a probability in [0.5, 1), for degrees of freedom ≥ 1, not necessarily whole; to 1e-9.

    With t = √ν tan θ the density is proportional to cos^(ν - 1) θ on (-π/2, π/2), which Gauss-Legendre integrates.
    """
    if not 0.5 <= probability < 1 or freedom < 1:
        raise ValueError(
            f"probability {probability} with {freedom} degrees of freedom: it takes [0.5, 1) and at least 1"
        )
    nodes, weights = np.polynomial.legendre.leggauss(200)
    constant = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)

    def reached(angle: float) -> float:
        points = (nodes + 1) * angle / 2
        return 0.5 + constant * float(weights @ np.cos(points) ** (freedom - 1)) * angle / 2

    low, high = 0.0, math.pi / 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) < probability else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)
