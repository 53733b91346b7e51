"""Learning curves: the IQM over runs with its band, and single runs, against steps or against time.

Estimates are the IQM over runs. Bands are pointwise 95 % percentile bootstraps that resample whole runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from rlbench.analysis import FEWEST_FOR_INTERVAL, seeded_generator
from rlbench.analysis.learning_curves import Estimate, LearningCurves, Numbers, estimate, resamples_for
from rlbench.api import EvaluationProtocol
from rlbench.api.sections import Figure, Paragraph, Part
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.svg_figures import WIDTH, figure_with_axes
from rlbench.text import join_names, number

MOST_SINGLE_RUNS = 100
_MOST_SINGLE_POINTS = 60_000  # of all curves of a page, about a megabyte


def learning_curves(
    curves: Sequence[LearningCurves],
    task: str,
    protocol: EvaluationProtocol,
    styles: Mapping[str, SeriesStyle],
    name: str,
    singles: int = MOST_SINGLE_RUNS,
) -> Part:
    """Draw the IQM and band of each algorithm over its single runs, against steps.

    curves: of one task. name: of the figure's files. singles: maximum number of runs of each algorithm drawn singly.
    """
    curves = [curve for curve in curves if len(curve.steps)]
    if not curves:
        why = "no run has one yet" if protocol.every else "the suite requests none (every: 0)"
        return Paragraph(
            f"There are no learning curves, because they need evaluations during training: {why}.", quiet=True
        )
    estimates = {curve.algorithm: estimate(curve.counted, seeded_generator(curve.keys)) for curve in curves}
    ends = [f"{g.algorithm} {number(float(estimates[g.algorithm][0][-1]))} at step {g.steps[-1]:.0f}" for g in curves]

    def draw() -> Drawing:
        figure, axes = curve_axes("environment steps", "evaluation return")
        for curve in curves:
            style = styles[curve.algorithm]
            draw_runs(axes, curve.steps, curve.returns[:singles], style, curve.diverged)
            draw_estimate(axes, curve.steps, estimates[curve.algorithm], style)
        return figure

    return Figure(
        name,
        draw,
        f"Learning curves on {task}: evaluation return against environment steps. Last IQM: {'; '.join(ends)}.",
        _finding(task, curves, estimates),
        _method(curves, protocol, singles),
        [curve.algorithm for curve in curves],
        "single runs",
    )


def _finding(task: str, curves: Sequence[LearningCurves], estimates: Mapping[str, Estimate]) -> str:
    """Return which algorithm ends highest, and whose band overlaps its band there."""
    ends = {g.algorithm: tuple(float(e[-1]) for e in estimates[g.algorithm]) for g in curves}
    best = max(ends, key=lambda name: ends[name][0])
    centre, low, _ = ends[best]
    text = f"{task}: {best} ends highest, at {number(centre)}"
    if len(ends) == 1:
        return f"{task}: {best} ends at {number(centre)}."
    overlap = [name for name, (_, _, high) in ends.items() if name != best and high >= low]
    unknown = [name for name, (_, _, high) in ends.items() if name != best and np.isnan(high)]
    if np.isnan(low) or len(unknown) == len(ends) - 1:
        return f"{text}; too few runs for bands."
    if not overlap:
        return f"{text}; no other band reaches its band at the end."
    band, verb = ("bands", "overlap") if len(overlap) > 1 else ("band", "overlaps")
    return f"{text}; the {band} of {join_names(overlap)} still {verb} its own there."


def _method(curves: Sequence[LearningCurves], protocol: EvaluationProtocol, singles: int) -> str:
    counts = {g.algorithm: len(g.returns) for g in curves}
    runs = (
        f"{next(iter(counts.values()))} runs each"
        if len(set(counts.values())) == 1
        else f"runs: {', '.join(f'{name} {n}' for name, n in counts.items())}"
    )
    sentences = [
        f"Return of evaluations during training, each the mean of {protocol.episodes} episodes of the"
        f" {protocol.policy} policy; {runs}. Thick lines: IQM over runs at each step. Bands: its 95 % interval"
        f" (percentile bootstrap over runs, {resamples_for(max(counts.values())):,} resamples, step by step).",
    ]
    few = [g.algorithm for g in curves if len(g.returns) < FEWEST_FOR_INTERVAL]
    if few:
        sentences.append(f"No band under {FEWEST_FOR_INTERVAL} runs: {', '.join(few)}.")
    if any(curve.diverged.any() for curve in curves):
        sentences.append(
            "Crosses: the last evaluation of a run that diverged; from there on the run counts with its score."
        )
    if any(np.isnan(curve.counted).any() for curve in curves):
        sentences.append("Where a run was not evaluated at a step, the line is based on the others.")
    cut = [f"{g.algorithm} {singles} of {len(g.returns)}" for g in curves if singles < len(g.returns)]
    if cut:
        sentences.append(
            f"Only the first runs are drawn singly ({', '.join(cut)}); lines and bands are based on all runs."
        )
    return " ".join(sentences)


def single_runs(curves: Sequence[LearningCurves]) -> int:
    """Return how many runs of each curve are drawn singly, which limits the size of the page."""
    widest = sum(len(curve.steps) for curve in curves)
    return int(np.clip(_MOST_SINGLE_POINTS // max(1, widest), 3, MOST_SINGLE_RUNS))


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
    """Draw single runs [R, T] as one path with gaps, and a cross where one diverged. steps: [T] or [R, T]."""
    steps_of_runs = np.broadcast_to(steps, single.shape)
    gap = np.full((len(single), 1), np.nan)
    marker = "_" if single.shape[1] == 1 else ""  # a line of one point would be invisible
    options: dict[str, Any] = {"color": style.colour, "gid": f"runs {style.gid}"}
    xs, ys = np.hstack([steps_of_runs, gap]).ravel(), np.hstack([single, gap]).ravel()
    axes.plot(xs, ys, alpha=0.45, linewidth=0.7, marker=marker, zorder=1.8, **options)
    for x, run in zip(steps_of_runs[diverged[: len(single)]], single[diverged[: len(single)]]):
        last = np.flatnonzero(~np.isnan(run))[-1:]
        axes.plot(x[last], run[last], "x", color=style.colour, markersize=6, markeredgewidth=1.2, gid=style.gid)


def draw_estimate(axes: Axes, steps: Numbers, estimated: Estimate, style: SeriesStyle) -> None:
    """Draw the IQM [T] as a line with markers over its band, against steps or seconds [T]. NaN leaves a gap."""
    centre, low, high = estimated
    axes.fill_between(steps, low, high, color=style.colour, alpha=0.16, linewidth=0, gid=style.gid)
    if len(steps) == 1:
        axes.vlines(steps, low, high, color=style.colour, alpha=0.4, linewidth=3, gid=style.gid)
    every = -(-len(steps) // 20)  # more markers would hide the line
    options: dict[str, Any] = {"color": style.colour, "linestyle": style.linestyle, "marker": style.marker}
    axes.plot(
        steps, centre, markevery=every, linewidth=1.6, markersize=4, markeredgecolor="none", gid=style.gid, **options
    )
