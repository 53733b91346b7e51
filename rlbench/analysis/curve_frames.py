"""Evaluation curves as a data frame: the IQM over runs at each evaluation, for single tasks or over all tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, seeded_generator
from rlbench.analysis.learning_curves import LearningCurves, at_shares, estimate, resamples_for
from rlbench.api import StoreError
from rlbench.results.score_anchors import Anchors
from rlbench.stats import efficiency_curve

AGAINST = ("steps", "wall_seconds", "cpu_seconds")
POINTS = 101  # points of a curve over tasks, from 0 to the full budget
COLUMNS = ("algorithm", "environment", "at", "n", "iqm", "low", "high")


def curve_frame(
    curves: Sequence[LearningCurves], anchors: Mapping[str, Anchors], normalised: bool = False, against: str = "steps"
) -> pd.DataFrame:
    """Return the IQM over runs at each evaluation, with a pointwise 95 % percentile band, both computed by `estimate`.

    normalised: scale returns so that the anchors are 0 and 1, and use only tasks that have anchors. If `against` is
    "steps", each algorithm gets one more curve over all these tasks. Its environment is "", and its `at` is the share
    of each task's budget, in [0, 1]. Runs are interpolated between their evaluations, and the curve starts where every
    task has had its first evaluation.

    Returns: the columns of COLUMNS. Curves without an evaluation have no rows.
    at: the step of the evaluation or, against seconds, the seconds until the evaluation (median over runs).
    n: the number of runs with a value at that point; iqm, low and high are computed from them. low, high: NaN for fewer
    than 3 runs.
    Raises: StoreError for an unknown `against`.
    """
    if against not in AGAINST:
        raise StoreError(f"curves can be drawn against {', '.join(AGAINST)}, not {against!r}")
    shown = [curve for curve in curves if len(curve.steps) and (not normalised or curve.environment in anchors)]
    rows: list[tuple[object, ...]] = []
    for curve in shown:
        values = _scaled(curve.counted, anchors[curve.environment]) if normalised else curve.counted
        rows += zip(*_columns(curve, values, against))
    if normalised and against == "steps":
        for name in dict.fromkeys(curve.algorithm for curve in shown):
            rows += _over_tasks(name, [curve for curve in shown if curve.algorithm == name], anchors)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _columns(curve: LearningCurves, values: NDArray[np.float64], against: str) -> list[Sequence[object]]:
    count = len(curve.steps)
    at = curve.steps
    if against != "steps":
        seconds = curve.seconds if against == "wall_seconds" else curve.cpu
        has_seconds = ~np.isnan(seconds)
        at = np.array(
            [np.median(seconds[has_seconds[:, t], t]) if has_seconds[:, t].any() else np.nan for t in range(count)]
        )
    present = (~np.isnan(values)).sum(0)
    return [
        [curve.algorithm] * count,
        [curve.environment] * count,
        at,
        present,
        *estimate(values, seeded_generator(curve.keys)),
    ]


def _over_tasks(
    name: str, curves: Sequence[LearningCurves], anchors: Mapping[str, Anchors]
) -> list[tuple[object, ...]]:
    """Return the rows of one algorithm's curve over all tasks.

    The curve starts at the share of the budget at which every task has had its first evaluation. It has no rows if a
    task has fewer than two evaluations.
    """
    if any(len(curve.steps) < 2 for curve in curves):
        return []
    shares = np.linspace(0, 1, POINTS)
    shares = shares[shares >= max(float(curve.steps[0]) / curve.budget for curve in curves) - 1e-12]
    tasks = [_scaled(at_shares(curve, shares), anchors[curve.environment]) for curve in curves]
    if not all(map(len, tasks)):
        return []
    generator = seeded_generator([key for curve in curves for key in curve.keys], "efficiency")
    band = efficiency_curve(tasks, generator, resamples=resamples_for(max(map(len, tasks))))
    enough = min(map(len, tasks)) >= FEWEST_FOR_INTERVAL
    low, high = (values if enough else np.full_like(values, np.nan) for values in (band.low, band.high))
    return [(name, "", at, sum(map(len, tasks)), *rest) for at, *rest in zip(shares, band.iqm, low, high)]


def _scaled(returns: NDArray[np.float64], anchors: Anchors) -> NDArray[np.float64]:
    return (returns - anchors.lower) / (anchors.upper - anchors.lower)
