"""Sample efficiency over tasks: the IQM of normalised evaluations at equal shares of each task's budget."""

from __future__ import annotations

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from rlbench.analysis import FEWEST_FOR_INTERVAL
from rlbench.analysis.learning_curves import at_shares, resamples_for
from rlbench.api.sections import Figure
from rlbench.reports.curve_figures import draw_estimate
from rlbench.reports.report_data import Readings
from rlbench.reports.style import number
from rlbench.reports.svg_figures import WIDTH, framed
from rlbench.reports.task_panels import Panel, learners
from rlbench.stats import Band, efficiency_curve

POINTS = 25
_SHARES = np.linspace(1 / POINTS, 1.0, POINTS)


def efficiency(panel: Panel, readings: Readings) -> Figure | None:
    """The figure of the panel; None where no algorithm has 3 runs with evaluations on each of its tasks."""
    found: dict[str, Band] = {}
    for name in learners(panel, readings.scores):
        curves = [_normalised(readings, task, name) for task in panel.tasks]
        if all(len(curve) >= FEWEST_FOR_INTERVAL for curve in curves):
            draws = panel.draw(readings.scores, "efficiency", name)
            found[name] = efficiency_curve(curves, draws, resamples=resamples_for(max(map(len, curves))))
    if not found:
        return None

    def draw() -> Drawing:
        figure, axes = framed(WIDTH, 3.0)
        for name, band in found.items():
            draw_estimate(axes, _SHARES, (band.iqm, band.low, band.high), readings.looks[name])
        axes.set_xlabel("share of the budget")
        axes.set_ylabel("normalised evaluation return, IQM")
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        sns.despine(ax=axes)
        return figure

    half = {name: float(band.iqm[np.searchsorted(_SHARES, 0.5)]) for name, band in found.items()}
    best = max(half, key=lambda name: half[name])
    said = "; ".join(f"{name} {number(value, 2)}" for name, value in half.items())
    return Figure(
        f"efficiency-{panel.number}",
        draw,
        f"Sample efficiency over {panel.title}. IQM after half of the budget: {said}.",
        f"After half of the budget {best} is ahead, at {number(half[best], 2)}.",
        "IQM over all runs of all tasks of evaluations during training, at equal shares of each task’s budget, linear between"
        " evaluations. Bands: 95 % percentile bootstrap over runs within tasks, share by share. Tasks on which the anchors"
        " lie close together count as much as the others.",
        list(found),
    )


def _normalised(readings: Readings, task: str, name: str) -> NDArray[np.float64]:
    """Evaluations [n, POINTS] of the runs that have some."""
    grid = readings.grids.get((task, name))
    if grid is None or not len(grid.steps):
        return np.zeros((0, POINTS))
    anchors = readings.scores.anchors[task]
    return (at_shares(grid, _SHARES) - anchors.lower) / (anchors.upper - anchors.lower)
