"""Curves of what algorithms logged during training: one for each metric, algorithm and task, with a row per run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlbench.api import STAGE_METRIC

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class MetricCurve:
    """One metric of one algorithm on one task.

    steps [T]: ascending. values [R, T]: the metric of each run, NaN at steps where the run logged none.
    """

    algorithm: str
    steps: Numbers
    values: Numbers

    def summary(self) -> tuple[Numbers, Numbers, Numbers]:
        """Return the median over runs and the lowest and highest run at each step [T], over the finite values."""
        finite = np.where(np.isfinite(self.values), self.values, np.nan)
        has_one = ~np.isnan(finite).all(0)
        middle, low, high = (np.full(len(self.steps), np.nan) for _ in range(3))
        middle[has_one] = np.nanmedian(finite[:, has_one], axis=0)
        low[has_one], high[has_one] = np.nanmin(finite[:, has_one], axis=0), np.nanmax(finite[:, has_one], axis=0)
        return middle, low, high


def metric_curves(metrics: pd.DataFrame) -> dict[str, dict[str, list[MetricCurve]]]:
    """Return the curves by environment and metric, in the order of the records.

    metrics: from `Results.metrics`. If a run has several values at one step, the last one counts.
    """
    found: dict[str, dict[str, list[MetricCurve]]] = {}
    for (environment, name, algorithm), rows in metrics.groupby(["environment", "name", "algorithm"], sort=False):
        wide = rows.pivot_table(index="key", columns="step", values="value", aggfunc="last", dropna=False, sort=False)
        wide = wide.sort_index(axis=1)
        if name == STAGE_METRIC:
            wide = wide.ffill(axis=1)  # a run is in a stage until it enters the next
        curve = MetricCurve(str(algorithm), wide.columns.to_numpy(float), wide.to_numpy(float))
        found.setdefault(str(environment), {}).setdefault(str(name), []).append(curve)
    return found


def ends_of(curves: Mapping[str, Any]) -> dict[str, float]:
    """Return the last finite value of each curve [T], by name. Curves without a finite value are left out."""
    last = {name: values[np.isfinite(values)][-1:] for name, values in curves.items()}
    return {name: float(values[0]) for name, values in last.items() if len(values)}
