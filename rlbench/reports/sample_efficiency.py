"""Sample efficiency over tasks: the IQM of normalised evaluations at equal shares of each task's budget."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from rlbench.analysis import FEWEST_FOR_INTERVAL, Results
from rlbench.analysis.learning_curves import at_shares, resamples_for
from rlbench.api.sections import Figure
from rlbench.reports.anchored_axes import view
from rlbench.reports.curve_lines import DrawnCurve
from rlbench.reports.curve_panels import HOW, draw_curves, needs_panels
from rlbench.reports.task_panels import Panel, learners
from rlbench.stats import Band, efficiency_curve
from rlbench.text import number

POINTS = 25
_METHOD = (
    "IQM of evaluations during training, over all runs of all tasks, at equal shares of each task’s budget; linear"
    " interpolation between evaluations. Bands: 95 % percentile bootstrap over runs within tasks, share by share. Tasks"
    " whose anchors are close together count as much as the other tasks. The axis covers the anchors, 0 and 1; arrows"
    " point to curves beyond it."
)
_SHARES = np.linspace(1 / POINTS, 1.0, POINTS)


def efficiency_figure(panel: Panel, results: Results) -> Figure | None:
    """Draw the figure of the panel. Returns None if no algorithm has 3 runs with evaluations on each of its tasks."""
    bands: dict[str, Band] = {}
    for name in learners(panel, results.final_scores):
        curves = [_normalised(results, task, name) for task in panel.tasks]
        if all(len(curve) >= FEWEST_FOR_INTERVAL for curve in curves):
            generator = panel.draw(results.final_scores, "efficiency", name)
            bands[name] = efficiency_curve(curves, generator, resamples=resamples_for(max(map(len, curves))))
    if not bands:
        return None

    drawn = [DrawnCurve(name, _SHARES, (band.iqm, band.low, band.high)) for name, band in bands.items()]
    limits = view([band.iqm for band in bands.values()], 0.0, 1.0)
    in_panels = needs_panels(bands, results.styles)

    def draw() -> Drawing:
        labels = "share of the budget", "normalised evaluation return, IQM"
        return draw_curves(drawn, results.styles, labels, limits, percent=True)

    half = {name: float(band.iqm[np.searchsorted(_SHARES, 0.5)]) for name, band in bands.items()}
    best = max(half, key=lambda name: half[name])
    values = "; ".join(f"{name} {number(value, 2)}" for name, value in half.items())
    return Figure(
        f"efficiency-{panel.name}",
        draw,
        f"Sample efficiency over {panel.title}. IQM after half of the budget: {values}.",
        f"After half of the budget {best} is ahead, at {number(half[best], 2)}.",
        (HOW if in_panels else "") + _METHOD,
        [] if in_panels else list(bands),
        wide=in_panels,
    )


def _normalised(results: Results, task: str, name: str) -> NDArray[np.float64]:
    """Return the normalised evaluations [n, POINTS] of the n runs that have evaluations."""
    curves = results.learning_curves.get((task, name))
    if curves is None or not len(curves.steps):
        return np.zeros((0, POINTS))
    anchors = results.final_scores.anchors[task]
    return (at_shares(curves, _SHARES) - anchors.lower) / (anchors.upper - anchors.lower)
