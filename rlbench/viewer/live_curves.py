"""Learning curves so far, of finished runs and of runs that are being trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rlbench.stats import iqm
from rlbench.viewer.attempt_curves import Points

MOST_POINTS = 200  # points of a curve
MOST_SINGLE = 12  # runs of an algorithm that have a line of their own
MOST_CURVES = 24  # curves of a task


@dataclass(frozen=True)
class LiveCurve:
    """The curve of one algorithm on one task.

    kind: "evaluation", or "training" for mean returns of training episodes. runs: how many runs have a value. centre:
    pairs of a step and the IQM over the runs that have a value at this step. singles: for single runs, pairs of a step
    and the return.
    """

    algorithm: str
    kind: str
    runs: int
    centre: Sequence[tuple[float, float]]
    singles: Sequence[Sequence[tuple[float, float]]] = ()


def live_curve(algorithm: str, evaluations: Sequence[Points], training: Sequence[Points]) -> LiveCurve | None:
    """Return an algorithm's curve: from evaluations if any run has one, else from training; None without either.

    evaluations, training: for each run, its return by step.
    """
    kind = "evaluation" if any(evaluations) else "training"
    runs = [points for points in (evaluations if any(evaluations) else training) if points]
    if not runs:
        return None
    singles = [sorted(points.items()) for points in runs[:MOST_SINGLE]] if len(runs) > 1 else []
    return LiveCurve(algorithm, kind, len(runs), _thinned(_centre(runs)), [_thinned(single) for single in singles])


def _centre(runs: Sequence[Mapping[float, float]]) -> list[tuple[float, float]]:
    values: dict[float, list[float]] = {}
    for points in runs:
        for step, value in points.items():
            values.setdefault(step, []).append(value)
    return [(step, float(iqm(np.array(values[step])))) for step in sorted(values)]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most MOST_POINTS of the points, at equal distances, with the first and the last."""
    if len(points) <= MOST_POINTS:
        return list(points)
    return [points[i] for i in np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]
