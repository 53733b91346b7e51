"""The axes and lines of curves: single runs, and the IQM with its band."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from rlbench.analysis.learning_curves import Estimate, Numbers
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.anchored_axes import arrow_of_curve
from rlbench.reports.svg_figures import WIDTH, figure_with_axes

Limits: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class DrawnCurve:
    """The curve of one algorithm in a figure.

    at: steps, seconds or shares at which there is an estimate, [T]. estimate: the IQM and both ends of its band, each
    [T]. runs: returns of single runs, [R, K]. runs_at: their steps or seconds, [K] or [R, K]. diverged: whether each
    run diverged, [R].
    """

    name: str
    at: Numbers
    estimate: Estimate | None
    runs: Numbers = field(default_factory=lambda: np.zeros((0, 1)))
    runs_at: Numbers = field(default_factory=lambda: np.zeros(1))
    diverged: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))


def draw_curve(
    axes: Axes, curve: DrawnCurve, style: SeriesStyle, limits: Limits | None = None, band: bool = True
) -> None:
    """Draw the single runs of a curve, and over them its IQM and, if `band`, its band."""
    if len(curve.runs):
        draw_runs(axes, curve.runs_at, curve.runs, style, curve.diverged)
    if curve.estimate is not None:
        draw_estimate(axes, curve.at, curve.estimate, style, limits, band)


def curve_axes(abscissa: str, ordinate: str) -> tuple[Drawing, Axes]:
    """Create an empty figure for curves."""
    figure, axes = figure_with_axes(WIDTH, 3.0)
    axes.set_xlabel(abscissa)
    axes.set_ylabel(ordinate)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    sns.despine(ax=axes)
    return figure, axes


def draw_runs(axes: Axes, steps: Numbers, single: Numbers, style: SeriesStyle, diverged: NDArray[np.bool_]) -> None:
    """Draw single runs [R, T] as one path with gaps, and a cross where a run diverged. steps: [T] or [R, T]."""
    steps_of_runs = np.broadcast_to(steps, single.shape)
    gap = np.full((len(single), 1), np.nan)
    marker = "_" if single.shape[1] == 1 else ""  # a line of one point would be invisible
    options: dict[str, Any] = {"color": style.colour, "gid": f"runs {style.gid}"}
    xs, ys = np.hstack([steps_of_runs, gap]).ravel(), np.hstack([single, gap]).ravel()
    axes.plot(xs, ys, alpha=0.45, linewidth=0.7, marker=marker, zorder=1.8, **options)
    for x, run in zip(steps_of_runs[diverged[: len(single)]], single[diverged[: len(single)]]):
        last = np.flatnonzero(~np.isnan(run))[-1:]
        axes.plot(x[last], run[last], "x", color=style.colour, markersize=6, markeredgewidth=1.2, gid=style.gid)


def draw_estimate(
    axes: Axes,
    steps: Numbers,
    estimated: Estimate,
    style: SeriesStyle,
    limits: Limits | None = None,
    band: bool = True,
) -> None:
    """Draw the IQM [T] as a line with markers over its band, against steps or seconds [T]. NaN leaves a gap.

    limits: the limits of the y axis; an arrow marks where the line leaves them.
    """
    centre, low, high = estimated
    if limits is not None:
        arrow_of_curve(axes, steps, centre, style.colour, style.gid)
    if band:
        axes.fill_between(steps, low, high, color=style.colour, alpha=0.16, linewidth=0, gid=style.gid)
    if len(steps) == 1:
        axes.vlines(steps, low, high, color=style.colour, alpha=0.4, linewidth=3, gid=style.gid)
    every = -(-len(steps) // 20)  # more markers would hide the line
    options: dict[str, Any] = {"color": style.colour, "linestyle": style.linestyle, "marker": style.marker}
    axes.plot(
        steps, centre, markevery=every, linewidth=1.6, markersize=4, markeredgecolor="none", gid=style.gid, **options
    )
