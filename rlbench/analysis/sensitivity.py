"""What a sweep says: for each swept hyperparameter the scores at each of its values, over all values of the others.

The best point of a sweep was chosen by the runs that it is then shown with, so its score flatters it; it is marked, and
an honest score of it takes seeds of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, seeded
from rlbench.results import Store
from rlbench.results.run_table import run_table
from rlbench.stats import bootstrap_interval, iqm, overall_iqm
from rlbench.suites.suite_models import AlgorithmEntry
from rlbench.suites.sweeps import Point, points, shown

RESAMPLES = 10_000
CHOSEN_ON_ITS_OWN_SEEDS = "chosen on its own seeds"


@dataclass(frozen=True)
class Effect:
    """One value of one hyperparameter on one task. points: combinations that have it; n, n_valid: their runs, planned and
    with a score; iqm: of all of them, points weighing the same; low, high: its 95 % interval, runs resampled in points."""

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
    """The best and the worst point of a sweep on one task, by the IQM of their runs; None where no point has a score.

    trials: runs that the choice rests on; steps: environment steps they took; note: what the best one's score is not.
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
    """Of every sweep of a suite on every task: the effects of its values, and its best and worst point."""

    effects: tuple[Effect, ...]
    extremes: tuple[Extremes, ...]

    def frame(self) -> pd.DataFrame:
        """One row an effect; its columns are the fields of `Effect`."""
        columns = list(Effect.__dataclass_fields__)
        return pd.DataFrame([asdict(effect) for effect in self.effects], columns=columns)


def sweeps_of(suite: Mapping[str, Any]) -> dict[str, list[Point]]:
    """The points of each entry of a resolved suite that has a sweep, by the entry's label."""
    listed = [entry for entry in suite.get("algorithms") or () if isinstance(entry, Mapping) and entry.get("sweep")]
    entries = [AlgorithmEntry.model_validate(entry) for entry in listed]
    return {entry.name: list(points(entry)) for entry in entries}


def sensitivity(store: Store, runs: pd.DataFrame | None = None) -> Sensitivity:
    """What the sweeps of a result folder say; empty where its suite sweeps nothing. runs: its run_table, if at hand."""
    swept = sweeps_of(store.suite()["suite"])
    if not swept:
        return Sensitivity((), ())
    frame = run_table(store) if runs is None else runs
    effects: list[Effect] = []
    extremes: list[Extremes] = []
    for environment, rows in frame.groupby("environment", sort=False):
        for base, found in swept.items():
            cells = {point.entry.name: rows[rows["algorithm"] == point.entry.name] for point in found}
            there = [point for point in found if len(cells[point.entry.name])]
            if there:
                effects += _effects(str(environment), base, there, cells)
                extremes.append(_extremes(str(environment), base, cells))
    return Sensitivity(tuple(effects), tuple(extremes))


def _effects(environment: str, base: str, found: Sequence[Point], cells: Mapping[str, pd.DataFrame]) -> list[Effect]:
    effects = []
    for parameter in found[0].swept:
        values = {shown(point.swept[parameter]): point.swept[parameter] for point in found}
        for text, value in values.items():
            rows = [cells[point.entry.name] for point in found if shown(point.swept[parameter]) == text]
            together = pd.concat(rows)
            scores = [own["score"].dropna().to_numpy(float) for own in rows]
            estimate = _estimate([runs for runs in scores if len(runs)], together["key"], f"{parameter}={text}")
            counts = len(rows), len(together), int(together["score"].notna().sum())
            effects.append(Effect(environment, base, parameter, value, *counts, *estimate))
    return effects


def _estimate(
    scores: list[np.ndarray], keys: pd.Series[str], what: str
) -> tuple[float | None, float | None, float | None]:
    """The IQM over points, with its interval where there are runs enough; seeded by the runs, so always the same digits."""
    if not scores:
        return None, None, None
    if min(map(len, scores)) < 2 or sum(map(len, scores)) < FEWEST_FOR_INTERVAL:
        return float(overall_iqm(scores)), None, None
    found = bootstrap_interval(scores, overall_iqm, seeded(keys, what), resamples=RESAMPLES)
    return found.estimate, found.low, found.high


def _extremes(environment: str, base: str, cells: Mapping[str, pd.DataFrame]) -> Extremes:
    rows = pd.concat(cells.values())
    scored = {label: own["score"].dropna().to_numpy(float) for label, own in cells.items()}
    order = sorted(((float(iqm(runs)), label) for label, runs in scored.items() if len(runs)), key=lambda pair: pair[0])
    (worst_iqm, worst), (best_iqm, best) = (order[0], order[-1]) if order else ((None, None), (None, None))
    planned = sum(1 for own in cells.values() if len(own))
    trials, steps = int(rows["score"].notna().sum()), int(rows["steps"].sum())
    return Extremes(environment, base, planned, best, best_iqm, worst, worst_iqm, trials, steps)
