"""Sensitivity to swept hyperparameters: the scores at each value of one hyperparameter, over all values of the others.

The best point of a sweep was chosen by the same runs that show its score, so its score is biased upwards. The point is
marked; an unbiased score needs new seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, seeded_generator
from rlbench.results.run_rows import RunRow, by_cell
from rlbench.stats import bootstrap_interval, iqm, overall_iqm
from rlbench.suites.suite_models import AlgorithmEntry
from rlbench.suites.sweeps import Point, format_value, points

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 10_000
CHOSEN_ON_ITS_OWN_SEEDS = "chosen on its own seeds"


@dataclass(frozen=True)
class Effect:
    """The effect of one value of one hyperparameter on one task.

    points: number of combinations with this value. n: planned runs of these points. n_valid: runs with a score. iqm:
    IQM of the runs with a score, with equal weight for each point. low, high: 95 % interval of the IQM, with runs
    resampled within points.
    """

    environment: str
    algorithm: str
    parameter: str
    value: Any
    points: int
    n: int
    n_valid: int
    iqm: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Extremes:
    """The best and the worst point of a sweep on one task, by the IQM of their runs; None if no point has a score.

    trials: runs with a score, on which the choice is based. steps: environment steps taken by all runs of the sweep on
    this task, with a score or without. note: a caveat on the best point's score.
    """

    environment: str
    algorithm: str
    points: int
    best: str | None
    best_iqm: float | None
    worst: str | None
    worst_iqm: float | None
    trials: int
    steps: int
    note: str = CHOSEN_ON_ITS_OWN_SEEDS


@dataclass(frozen=True)
class Sensitivity:
    """The effects of every swept value on every task of a suite, and the best and worst points."""

    effects: tuple[Effect, ...]
    extremes: tuple[Extremes, ...]

    def frame(self) -> pd.DataFrame:
        """Return one row for each effect, with the fields of `Effect` as columns."""
        import pandas as pd

        columns = list(Effect.__dataclass_fields__)
        return pd.DataFrame([asdict(effect) for effect in self.effects], columns=columns)


def sweeps_of(suite: Mapping[str, Any]) -> dict[str, list[Point]]:
    """Return the points of each entry of a resolved suite that has a sweep, by the entry's label."""
    listed = [entry for entry in suite.get("algorithms") or () if isinstance(entry, Mapping) and entry.get("sweep")]
    entries = [AlgorithmEntry.model_validate(entry) for entry in listed]
    return {entry.name: list(points(entry)) for entry in entries}


def sensitivity(suite: Mapping[str, Any], runs: Sequence[RunRow]) -> Sensitivity:
    """Return the results of a resolved suite's sweeps, empty if it has none. runs: one row for each run."""
    swept = sweeps_of(suite)
    if not swept:
        return Sensitivity((), ())
    effects: list[Effect] = []
    extremes: list[Extremes] = []
    rows_by_cell = by_cell(runs)
    for environment in dict.fromkeys(row.environment for row in runs):
        for base, sweep_points in swept.items():
            cells = {p.entry.name: rows_by_cell.get((environment, p.entry.name), []) for p in sweep_points}
            points_with_runs = [point for point in sweep_points if len(cells[point.entry.name])]
            if points_with_runs:
                effects += _effects(environment, base, points_with_runs, cells)
                extremes.append(_extremes(environment, base, cells))
    return Sensitivity(tuple(effects), tuple(extremes))


def _effects(
    environment: str, base: str, sweep_points: Sequence[Point], cells: Mapping[str, Sequence[RunRow]]
) -> list[Effect]:
    effects = []
    for parameter in sweep_points[0].swept:
        values = {format_value(point.swept[parameter]): point.swept[parameter] for point in sweep_points}
        for text, value in values.items():
            rows = [cells[point.entry.name] for point in sweep_points if format_value(point.swept[parameter]) == text]
            scores = [_scores(point_rows) for point_rows in rows]
            keys = [row.key for point_rows in rows for row in point_rows]
            estimate = _estimate([runs for runs in scores if len(runs)], keys, f"{parameter}={text}")
            counts = len(rows), len(keys), sum(map(len, scores))
            effects.append(Effect(environment, base, parameter, value, *counts, *estimate))
    return effects


def _scores(rows: Sequence[RunRow]) -> NDArray[np.float64]:
    return np.array([row.score for row in rows if row.has_score], np.float64)


def _estimate(
    scores: list[NDArray[np.float64]], keys: Sequence[str], what: str
) -> tuple[float | None, float | None, float | None]:
    """Return the IQM over points, with its interval if there are enough runs.

    The bootstrap is seeded by the runs' keys, so the digits are always the same.
    """
    if not scores:
        return None, None, None
    if min(map(len, scores)) < 2 or sum(map(len, scores)) < FEWEST_FOR_INTERVAL:
        return float(overall_iqm(scores)), None, None
    estimate = bootstrap_interval(scores, overall_iqm, seeded_generator(keys, what), resamples=RESAMPLES)
    return estimate.estimate, estimate.low, estimate.high


def _extremes(environment: str, base: str, cells: Mapping[str, Sequence[RunRow]]) -> Extremes:
    scored = {label: _scores(point_rows) for label, point_rows in cells.items()}
    order = sorted(((float(iqm(runs)), label) for label, runs in scored.items() if len(runs)), key=lambda pair: pair[0])
    (worst_iqm, worst), (best_iqm, best) = (order[0], order[-1]) if order else ((None, None), (None, None))
    planned = sum(1 for point_rows in cells.values() if len(point_rows))
    trials = sum(map(len, scored.values()))
    steps = sum(row.steps for point_rows in cells.values() for row in point_rows)
    return Extremes(environment, base, planned, best, best_iqm, worst, worst_iqm, trials, steps)
