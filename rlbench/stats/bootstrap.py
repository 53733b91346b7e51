"""Stratified bootstrap intervals. Runs are resampled within each task, never episodes and never across tasks.

Sources: Efron & Tibshirani 1993, ch. 12 (bootstrap-t), 13 (percentile), 14 (BCa); Agarwal et al. 2021, arXiv:2108.13264
(strata are tasks). A percentile interval of a mean of 5 runs is far too narrow: docs/statistics.md lists the coverages.

No bound exceeds what resampling the runs can give. Bootstrap-t divides by the standard error of a resample; if only one
run of five has learned, that error is close to zero, and a bound could be forty times the range of all returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats.aggregates import iqm, iqm_of_draws, overall_iqm, overall_mean
from rlbench.stats.resampling import RESAMPLES, chunks, draw_resamples, draws
from rlbench.stats.samples import Numbers, Scores, Statistic, Tasks, as_samples, exponent_of, scale_down, share

METHODS = ("percentile", "bootstrap-t", "bca")
LEAST_ERROR = 0.25  # least standard error of a resample, relative to that of the runs; below it, a pivot is only noise
_LARGE = 300  # squares of scores between 2**-300 and 2**300 stay in the range of floats
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Interval:
    """An estimate between two bounds.

    method: the method that was used. note: why it is not the requested one, or that a bound was cut off; else "".
    """

    estimate: float
    low: float
    high: float
    level: float
    method: str
    note: str = ""


def bootstrap_interval(
    scores: Scores,
    statistic: Statistic,
    generator: Generator,
    method: str = "percentile",
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the stratified bootstrap interval of `statistic` over arrays [n_task], one for each task, n_task ≥ 2.

    method: "percentile"; "bootstrap-t", for `overall_mean` alone; or "bca" (bias-corrected and accelerated). If one of
    the last two does not exist (all runs are equal, for example), the result is a percentile interval with a note.
    Raises: ValueError for invalid scores, an unknown method or level, or a method that the statistic does not support.
    """
    check_method(method, statistic)
    tasks = list(as_samples(scores, fewest=2).values())
    return interval_of(tasks, statistic, generator, method, level, resamples, standard_error, [1] * len(tasks))


def check_method(method: str, statistic: Statistic) -> None:
    """Check the method. Raises: ValueError if it is unknown, or if the statistic does not support it."""
    if method not in METHODS:
        raise ValueError(f"unknown interval method {method!r}; use one of {', '.join(METHODS)}")
    if method == "bootstrap-t" and statistic is not overall_mean:
        raise ValueError("bootstrap-t only supports overall_mean: use percentile or bca")


def interval_of(
    tasks: Tasks,
    statistic: Statistic,
    generator: Generator,
    method: str,
    level: float,
    resamples: int,
    error: Callable[[Tasks], Numbers],
    signs: Sequence[int],
) -> Interval:
    """Return the interval as `bootstrap_interval` does, for checked strata [n].

    error: returns the standard error of the statistic [...]. signs: for each stratum, 1 if the statistic rises with the
    stratum's runs, -1 if it falls.
    """
    tail = (1 - share(level, "the level")) / 2
    estimate, note = float(statistic(tasks)), ""
    if method == "bootstrap-t":
        error = _in_range(error, exponent_of(tasks))
        pivots = _pivots(tasks, statistic, estimate, generator, resamples, error)
        if (standard_error_of_runs := float(error(tasks))) > _rounding(tasks):
            low, high = _bootstrap_t(pivots[0], pivots[1], estimate, standard_error_of_runs, tail)
            lowest, highest = _attainable(tasks, statistic, signs)
            cut = "cut off at the extremes that resampling can give" if low < lowest or high > highest else ""
            return Interval(estimate, max(low, lowest), min(high, highest), level, method, cut)
        drawn, note = pivots[0], "bootstrap-t does not exist: the runs have no spread"
    else:
        drawn = np.concatenate(list(_resampled_statistic(tasks, statistic, generator, resamples)))
    tails = (tail, 1 - tail)
    if method == "bca":
        adjusted = _bca_tails(tasks, statistic, estimate, drawn, tail)
        if adjusted is None:
            note = "BCa does not exist: the estimate does not change if a run is left out, or is outside its resamples"
        else:
            tails = adjusted
    low, high = np.quantile(drawn, tails)
    return Interval(estimate, float(low), float(high), level, "percentile" if note else method, note)


def _in_range(error: Callable[[Tasks], Numbers], exponent: int) -> Callable[[Tasks], Numbers]:
    """Return the same standard error, computed so that squares stay in the range of floats."""
    if abs(exponent) < _LARGE:
        return error
    return lambda tasks: np.ldexp(error(scale_down(tasks, exponent)), exponent)


def _attainable(tasks: Tasks, statistic: Statistic, signs: Sequence[int]) -> tuple[float, float]:
    """Return the least and the greatest value of the statistic over all resamples."""
    ends = [(runs.min(keepdims=True), runs.max(keepdims=True)) for runs in tasks]
    lowest, highest = ([end[take if sign > 0 else 1 - take] for end, sign in zip(ends, signs)] for take in (0, 1))
    return float(statistic(lowest)), float(statistic(highest))


def _resampled_statistic(tasks: Tasks, statistic: Statistic, generator: Generator, resamples: int) -> Iterator[Numbers]:
    """Yield the statistic of each resample [B], in chunks."""
    each = len(tasks[0])
    if statistic is not overall_iqm or any(len(runs) != each for runs in tasks):
        yield from (statistic(sample) for sample in draw_resamples(tasks, generator, resamples))
        return
    ranked = iqm_of_draws(np.concatenate(tasks))  # with equal run counts: the same numbers, faster
    for rows in chunks(resamples, each * len(tasks)):
        drawn = [generator.integers(each, size=(rows, each)) + each * place for place in range(len(tasks))]
        yield ranked(np.concatenate(drawn, -1))


def standard_error(tasks: Tasks) -> Numbers:
    """Return the standard error of `overall_mean`, √(Σ s²/n) / tasks, for arrays [..., n_task], one for each task."""
    variances: Numbers = np.sum(np.stack([runs.var(-1, ddof=1) / runs.shape[-1] for runs in tasks], -1), -1)
    return np.sqrt(variances) / len(tasks)


def _pivots(
    tasks: Tasks,
    statistic: Statistic,
    estimate: float,
    generator: Generator,
    resamples: int,
    error: Callable[[Tasks], Numbers],
) -> tuple[Numbers, Numbers]:
    """Return, for each resample, the statistic [B] and its standard error [B]."""
    values, errors = [], []
    for sample in draw_resamples(tasks, generator, resamples):
        values.append(statistic(sample))
        errors.append(error(sample))
    return np.concatenate(values), np.concatenate(errors)


def _rounding(tasks: Tasks) -> float:
    """Return the value below which a standard error is only rounding: equal numbers need not give exactly 0."""
    return 1e-12 * max(float(np.abs(runs).max()) for runs in tasks)


def _bootstrap_t(drawn: Numbers, errors: Numbers, estimate: float, error: float, tail: float) -> tuple[float, float]:
    """Return the bounds estimate - t·error at the quantiles t of (drawn - estimate) / errors."""
    pivots = (drawn - estimate) / np.maximum(errors, LEAST_ERROR * error)
    low, high = np.quantile(pivots, [tail, 1 - tail])
    return estimate - float(high) * error, estimate - float(low) * error


def _bca_tails(
    tasks: Tasks, statistic: Statistic, estimate: float, drawn: Numbers, tail: float
) -> tuple[float, float] | None:
    """Return the percentiles that correct for bias z0 and acceleration a, or None if they do not exist.

    Resamples equal to the estimate count as half below it. The acceleration sums over tasks and left-out runs:
    a = Σ ΣU³/n³ / (6 (Σ ΣU²/n²)^1.5), where U = (n - 1)(mean of the task's leave-one-out estimates - each of them).
    """
    below = (np.count_nonzero(drawn < estimate) + np.count_nonzero(drawn <= estimate)) / (2 * len(drawn))
    cubes = squares = 0.0
    exponent = exponent_of(tasks)
    for index, runs in enumerate(tasks):
        left = _without_each(tasks, index, statistic)
        influence = np.ldexp((len(runs) - 1) * (left.mean() - left), -exponent)
        cubes += float((influence**3).sum()) / len(runs) ** 3
        squares += float((influence**2).sum()) / len(runs) ** 2
    if not 0 < below < 1 or squares <= np.ldexp(_rounding(tasks), -exponent) ** 2:
        return None
    bias, acceleration = _NORMAL.inv_cdf(below), cubes / (6 * squares**1.5)
    adjusted = []
    for level in (tail, 1 - tail):
        shifted = bias + _NORMAL.inv_cdf(level)
        if acceleration * shifted >= 1:
            return None
        adjusted.append(_NORMAL.cdf(bias + shifted / (1 - acceleration * shifted)))
    return adjusted[0], adjusted[1]


def _without_each(tasks: Tasks, index: int, statistic: Statistic) -> Numbers:
    """Return the statistic without each run of task `index` in turn [n_task]."""
    n = len(tasks[index])
    others = np.arange(n) != np.arange(n)[:, None]  # [left out, run]
    without = np.broadcast_to(tasks[index], (n, n))[others].reshape(n, n - 1)
    rest = [np.broadcast_to(runs, (n, len(runs))) for runs in tasks]
    return statistic([*rest[:index], without, *rest[index + 1 :]])


def percentile_interval(
    scores: NDArray[Any],
    statistic: Callable[[NDArray[Any]], NDArray[Any]],
    generator: Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> tuple[float, float]:
    """Return the percentile interval of `statistic` (over the last axis) for the scores [n] of one task.

    At n = 5 such intervals are narrower than their level claims, so tables print n beside them. Source: Efron &
    Tibshirani 1993, ch. 13.
    """
    runs = next(iter(as_samples([np.asarray(scores, float)]).values()))
    tail = (1 - share(level, "the level")) / 2
    ranked = iqm_of_draws(runs) if statistic is iqm else None  # the same numbers, faster
    drawn = np.concatenate(
        [
            statistic(runs.take(picks)) if ranked is None else ranked(picks)
            for picks in draws(len(runs), generator, resamples)
        ]
    )
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
