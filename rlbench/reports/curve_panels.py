"""Small multiples of curves: a panel for each algorithm, in which it is in colour and all others are grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import EngFormatter, MaxNLocator

from rlbench.analysis.learning_curves import Estimate, LearningCurves
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.curve_lines import Limits, draw_estimate, draw_runs
from rlbench.reports.style import shorten
from rlbench.reports.svg_figures import WIDE, ink, width_of

_PANEL_WIDTH = 1.7  # inches, at least


def draw_panels(
    curves: Sequence[LearningCurves],
    estimates: Mapping[str, Estimate],
    styles: Mapping[str, SeriesStyle],
    singles: int,
    limits: Limits | None,
) -> Drawing:
    """Draw the panels, against environment steps. Grey algorithms, as `random`, have no panel of their own."""
    width = width_of(WIDE)
    own = [curve for curve in curves if not styles[curve.algorithm].grey]
    across = max(1, min(4, int(width / _PANEL_WIDTH), len(own)))
    down = -(-len(own) // across)
    figure = Drawing(figsize=(width, 0.5 + 1.45 * down), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes, curve in zip(grid.ravel(), own):
        if limits is not None:
            axes.set_ylim(*limits)
        others = [c for c in curves if c is not curve]
        gap = [np.nan]
        xs = np.concatenate([np.append(c.steps, gap) for c in others])
        ys = np.concatenate([np.append(estimates[c.algorithm][0], gap) for c in others])
        axes.plot(xs, ys, color=ink(), alpha=0.25, linewidth=0.8)
        style = styles[curve.algorithm]
        draw_runs(axes, curve.steps, curve.returns[:singles], style, curve.diverged)
        draw_estimate(axes, curve.steps, estimates[curve.algorithm], style, limits)
        axes.set_title(shorten(curve.algorithm), fontsize="medium", loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        sns.despine(ax=axes)
    for axes in grid.ravel()[len(own) :]:
        axes.set_visible(False)
    figure.supxlabel("environment steps", fontsize="medium")
    figure.supylabel("evaluation return", fontsize="medium")
    return figure
