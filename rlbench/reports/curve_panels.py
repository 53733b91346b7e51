"""Figures of curves: all in one pair of axes, or a panel for each algorithm, in which the others are grey."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter

from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.curve_lines import DrawnCurve, Limits, curve_axes, draw_curve
from rlbench.reports.style import shorten
from rlbench.reports.svg_figures import WIDE, ink, width_of

MOST_TOGETHER, MOST_PANELS = 5, 24  # most algorithms with bands: in one pair of axes, in panels
HOW = "In each panel one algorithm is in colour, the others are grey. "
_PANEL_WIDTH = 1.7  # inches, at least
_GAP = np.array([np.nan])


def needs_panels(names: Iterable[str], styles: Mapping[str, SeriesStyle]) -> bool:
    """Return whether each of these algorithms has a panel. Grey algorithms, such as `random`, do not count."""
    return MOST_TOGETHER < _in_colour(names, styles) <= MOST_PANELS


def draw_curves(
    curves: Sequence[DrawnCurve],
    styles: Mapping[str, SeriesStyle],
    labels: tuple[str, str],
    limits: Limits | None = None,
    percent: bool = False,
) -> Drawing:
    """Draw the curves in one pair of axes, or in panels if there are many curves.

    labels: of the abscissa and the ordinate. limits: of the ordinate. percent: whether the abscissa is a share from 0
    to 1.
    """
    names = [curve.name for curve in curves]
    if needs_panels(names, styles):
        return _panels(curves, styles, labels, limits, percent)
    figure, axes = curve_axes(*labels)
    if percent:
        _in_percent(axes.xaxis)
    if limits is not None:
        axes.set_ylim(*limits)
    for curve in curves:
        draw_curve(axes, curve, styles[curve.name], limits, _in_colour(names, styles) <= MOST_TOGETHER)
    return figure


def _in_colour(names: Iterable[str], styles: Mapping[str, SeriesStyle]) -> int:
    return sum(not styles[name].grey for name in names)


def _in_percent(axis: Axis) -> None:
    axis.set_major_formatter(PercentFormatter(1.0))


def _panels(
    curves: Sequence[DrawnCurve],
    styles: Mapping[str, SeriesStyle],
    labels: tuple[str, str],
    limits: Limits | None,
    percent: bool,
) -> Drawing:
    width = width_of(WIDE)
    own = [curve for curve in curves if not styles[curve.name].grey]
    across = max(1, min(4, int(width / _PANEL_WIDTH), len(own)))
    down = -(-len(own) // across)
    figure = Drawing(figsize=(width, 0.5 + 1.45 * down), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes, curve in zip(grid.ravel(), own):
        if limits is not None:
            axes.set_ylim(*limits)
        others = [(c.at, c.estimate[0]) for c in curves if c is not curve and c.estimate is not None]
        xs = np.concatenate([np.append(at, np.nan) for at, _ in others] or [_GAP])
        ys = np.concatenate([np.append(iqm, np.nan) for _, iqm in others] or [_GAP])
        axes.plot(xs, ys, color=ink(), alpha=0.25, linewidth=0.8)
        draw_curve(axes, curve, styles[curve.name], limits)
        axes.set_title(shorten(curve.name), fontsize="medium", loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        if percent:
            _in_percent(axes.xaxis)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        sns.despine(ax=axes)
    for axes in grid.ravel()[len(own) :]:
        axes.set_visible(False)
    figure.supxlabel(labels[0], fontsize="medium")
    figure.supylabel(labels[1], fontsize="medium")
    return figure
