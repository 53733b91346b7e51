"""The final score of every run, one dot each, beside the interval that the table has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from rlbench.api import EvaluationProtocol
from rlbench.api.sections import Figure
from rlbench.reports.style import Look, interval, number, shortened
from rlbench.reports.svg_figures import WIDTH, ink

_MOST_DOTS = 200
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Finals:
    """Final scores of one algorithm on one task. planned: runs of the suite; scores [R], diverged [R]: of those that have
    a score; iqm, low, high: over them."""

    algorithm: str
    planned: int
    scores: NDArray[np.float64]
    diverged: NDArray[np.bool_]
    iqm: float | None
    low: float | None
    high: float | None


def final_scores(
    finals: Sequence[Finals],
    chance: Finals | None,
    task: str,
    protocol: EvaluationProtocol,
    looks: Mapping[str, Look],
    name: str,
) -> Figure:
    """A row of dots for each algorithm, one a run, over its IQM and interval. finals: of one task, at least one with a score.

    chance: the random policy, whose interval is shaded over all rows. name: of its files.
    """
    chance = chance if len(finals) > 1 else None
    rows = [f"{f.algorithm}: IQM {number(f.iqm)} {interval(f.low, f.high)}, {len(f.scores)} runs" for f in finals]
    return Figure(
        name,
        lambda: _draw(finals, chance, looks),
        f"Final scores on {task}. {'; '.join(rows)}.",
        _seen(finals),
        _method(finals, chance, protocol),
    )


def _seen(finals: Sequence[Finals]) -> str:
    """Whose runs differ most, since a mean does not show it."""
    spread = {f.algorithm: (float(f.scores.min()), float(f.scores.max())) for f in finals if len(f.scores) > 1}
    if not spread:
        return "One dot for each finished run."
    widest = max(spread, key=lambda name: spread[name][1] - spread[name][0])
    low, high = spread[widest]
    if low == high:
        return "Of each algorithm all runs scored the same."
    return f"One dot for each run: those of {widest} lie furthest apart, from {number(low)} to {number(high)}."


def _method(finals: Sequence[Finals], chance: Finals | None, protocol: EvaluationProtocol) -> str:
    short = [f"{f.algorithm} {len(f.scores)} of {f.planned}" for f in finals if len(f.scores) < f.planned]
    said = [
        f"A run’s score is the mean return of its final policy over {protocol.final_episodes} episodes. Below the dots:"
        " IQM and its 95 % interval, as in the table."
    ]
    if short:
        said.append(f"Runs with a score: {', '.join(short)}.")
    if chance is not None and chance.low is not None:
        said.append(f"Shaded: the interval of {chance.algorithm}.")
    if any(f.diverged.any() for f in finals):
        said.append("Crosses: runs that diverged.")
    if any(len(f.scores) > _MOST_DOTS for f in finals):
        said.append(f"Only the first {_MOST_DOTS} runs of each have a dot.")
    return " ".join(said)


def _draw(finals: Sequence[Finals], chance: Finals | None, looks: Mapping[str, Look]) -> Drawing:
    figure = Drawing(figsize=(WIDTH, 0.6 + (0.46 if len(finals) <= 6 else 0.3) * len(finals)), layout="constrained")
    axes = figure.add_subplot()
    if chance is not None and chance.low is not None and chance.high is not None:
        axes.axvspan(chance.low, chance.high, facecolor=ink(), edgecolor=ink(), alpha=0.2, linewidth=1, zorder=0)
    for row, final in enumerate(finals):
        _draw_row(axes, row, final, looks[final.algorithm])
    axes.set_ylim(len(finals) - 0.45, -0.55)  # the first algorithm on top
    axes.set_yticks(range(len(finals)), labels=[shortened(final.algorithm) for final in finals])
    axes.grid(False, axis="y")
    axes.set_xlabel("score")
    sns.despine(ax=axes, left=True)
    return figure


def _draw_row(axes: Axes, row: int, final: Finals, look: Look) -> None:
    # Equal scores would cover each other: the golden ratio spreads any number of them evenly, and always alike.
    scores = final.scores[:_MOST_DOTS]
    heights = row - 0.12 + 0.4 * ((np.arange(len(scores)) * _GOLDEN) % 1 - 0.5)
    diverged = final.diverged[: len(scores)]
    alpha = 0.6 if len(scores) <= 50 else 0.25
    axes.plot(scores[~diverged], heights[~diverged], look.marker, color=look.colour, alpha=alpha, markersize=4)
    axes.plot(scores[diverged], heights[diverged], "x", color=look.colour, markersize=5, markeredgewidth=1.2)
    if final.low is not None and final.high is not None:
        axes.plot([final.low, final.high], [row + 0.26] * 2, color=look.colour, linewidth=2.2, solid_capstyle="butt")
    if final.iqm is not None:
        axes.plot(final.iqm, row + 0.26, look.marker, color=look.colour, markersize=6.5, markeredgecolor="none")
