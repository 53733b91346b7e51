"""Figures of the final scores: one dot for every run, above the interval of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from rlbench.analysis import Anchors
from rlbench.api import EvaluationProtocol
from rlbench.api.sections import Figure
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.anchored_axes import arrows, view
from rlbench.reports.style import shorten
from rlbench.reports.svg_figures import WIDTH, ink, width_of
from rlbench.text import interval, number

_MOST_DOTS = 200
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class FinalScores:
    """Final scores of one algorithm on one task.

    planned: number of runs in the suite. scores [R]: of the R runs that have a score. diverged [R]: whether each of
    these runs diverged. iqm, low, high: the IQM over these runs and its interval.
    """

    algorithm: str
    planned: int
    scores: NDArray[np.float64]
    diverged: NDArray[np.bool_]
    iqm: float | None
    low: float | None
    high: float | None


def final_scores_figure(
    finals: Sequence[FinalScores],
    chance: FinalScores | None,
    task: str,
    protocol: EvaluationProtocol,
    styles: Mapping[str, SeriesStyle],
    name: str,
    anchors: Anchors | None = None,
) -> Figure:
    """Draw a row of dots for each algorithm, one dot for each run, above the IQM and its interval.

    finals: the scores on one task, of at least one algorithm with a score. chance: the scores of the random policy,
    whose interval is shaded over all rows. name: the name of the figure's files. anchors: the anchors of the task,
    which the axis covers.
    """
    chance = chance if len(finals) > 1 else None
    rows = [f"{f.algorithm}: IQM {number(f.iqm)} {interval(f.low, f.high)}, {len(f.scores)} runs" for f in finals]
    return Figure(
        name,
        lambda: _draw(finals, chance, styles, anchors),
        f"Final scores on {task}. {'; '.join(rows)}.",
        f"{task}: {_finding(finals)}",
        _method(finals, chance, protocol)
        + ("" if anchors is None else " The axis covers the anchors; arrows point to scores beyond it."),
    )


def _finding(finals: Sequence[FinalScores]) -> str:
    """Return which algorithm's scores lie furthest apart, since a mean does not show the spread."""
    spread = {f.algorithm: (float(f.scores.min()), float(f.scores.max())) for f in finals if len(f.scores) > 1}
    if not spread:
        return "one dot for each finished run."
    widest = max(spread, key=lambda name: spread[name][1] - spread[name][0])
    low, high = spread[widest]
    if low == high:
        return "within each algorithm all runs have the same score."
    return f"one dot for each run. The runs of {widest} are the furthest apart, from {number(low)} to {number(high)}."


def _method(finals: Sequence[FinalScores], chance: FinalScores | None, protocol: EvaluationProtocol) -> str:
    incomplete = [f"{f.algorithm} {len(f.scores)} of {f.planned}" for f in finals if len(f.scores) < f.planned]
    sentences = [
        f"A run’s score is the mean return of its final policy over {protocol.final_episodes} episodes. Below the dots:"
        " IQM and its 95 % interval, as in the table."
    ]
    if incomplete:
        sentences.append(f"Runs with a score: {', '.join(incomplete)}.")
    if chance is not None and chance.low is not None:
        sentences.append(f"Shaded: the interval of {chance.algorithm}.")
    if any(f.diverged.any() for f in finals):
        sentences.append("Crosses: runs that diverged.")
    if any(len(f.scores) > _MOST_DOTS for f in finals):
        sentences.append(f"Only the first {_MOST_DOTS} runs of each algorithm have a dot.")
    return " ".join(sentences)


def _draw(
    finals: Sequence[FinalScores],
    chance: FinalScores | None,
    styles: Mapping[str, SeriesStyle],
    anchors: Anchors | None,
) -> Drawing:
    figure = Drawing(
        figsize=(width_of(WIDTH), 0.6 + (0.46 if len(finals) <= 6 else 0.3) * len(finals)), layout="constrained"
    )
    axes = figure.add_subplot()
    if chance is not None and chance.low is not None and chance.high is not None:
        axes.axvspan(chance.low, chance.high, facecolor=ink(), edgecolor=ink(), alpha=0.2, linewidth=1, zorder=0)
    if anchors is not None:
        axes.set_xlim(*view([f.scores for f in finals], anchors.lower, anchors.upper))
    for row, final in enumerate(finals):
        _draw_row(axes, row, final, styles[final.algorithm])
    axes.set_ylim(len(finals) - 0.45, -0.55)  # first algorithm on top
    axes.set_yticks(range(len(finals)), labels=[shorten(final.algorithm) for final in finals])
    axes.grid(False, axis="y")
    for row in range(1, len(finals)):  # without lines, an interval below its dots would look like another row
        axes.axhline(row - 0.5, color=ink(), alpha=0.12, linewidth=0.6)
    axes.set_xlabel("score")
    sns.despine(ax=axes, left=True)
    return figure


def _draw_row(axes: Axes, row: int, final: FinalScores, style: SeriesStyle) -> None:
    # Equal scores would cover each other. The golden ratio spreads any number of them evenly, and always the same way.
    scores = final.scores[:_MOST_DOTS]
    heights = row - 0.12 + 0.4 * ((np.arange(len(scores)) * _GOLDEN) % 1 - 0.5)
    diverged = final.diverged[: len(scores)]
    alpha = 0.6 if len(scores) <= 50 else 0.25
    axes.plot(scores[~diverged], heights[~diverged], style.marker, color=style.colour, alpha=alpha, markersize=4)
    axes.plot(scores[diverged], heights[diverged], "x", color=style.colour, markersize=5, markeredgewidth=1.2)
    if final.low is not None and final.high is not None:
        axes.plot([final.low, final.high], [row + 0.26] * 2, color=style.colour, linewidth=2.2, solid_capstyle="butt")
    if axes.get_autoscalex_on() is False:
        arrows(axes, row - 0.12, final.scores, style.colour)
    if final.iqm is not None:
        axes.plot(final.iqm, row + 0.26, style.marker, color=style.colour, markersize=6.5, markeredgecolor="none")
