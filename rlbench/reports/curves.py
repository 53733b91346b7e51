"""The report's figures and what is said of them: learning curves with their bands, and the final score of every run.

Estimates are the IQM over runs; bands are pointwise 95 % percentile bootstraps that resample whole runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import seaborn as sns
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.api import EvaluationProtocol
from rlbench.comparison import FEWEST_FOR_INTERVAL
from rlbench.reports.style import INK, Look, inline, interval, number, shortened, themed
from rlbench.stats import iqm

RESAMPLES = 2_000
MOST_SINGLE_RUNS = 100
_MOST_SINGLE_POINTS = 5_000
_CHUNK = 4_000_000  # numbers resampled at a time: 32 MB
_WIDTH = 4.6  # inches; on a phone the page shows them about as large as they are
_LEGEND_CHARACTERS = 52
_GOLDEN = 0.6180339887498949

Numbers = NDArray[np.float64]
Estimate = tuple[Numbers, Numbers, Numbers]
_IQM_LINE: dict[str, Any] = {"linewidth": 1.6, "markersize": 4, "markeredgecolor": "none"}


@dataclass(frozen=True)
class Picture:
    """A figure, or None where there is nothing to draw, and what the reader is told of it."""

    svg: Markup | None
    caption: str


@dataclass(frozen=True)
class Curve:
    """Evaluations during training, of one algorithm on one task.

    steps [T]: points of the grid, ascending. returns [R, T]: each run's evaluation, NaN where it has none. counted
    [R, T]: the same with what a diverged run counts with after its last one. diverged [R]. generator: for the band.
    """

    algorithm: str
    steps: Numbers
    returns: Numbers
    counted: Numbers
    diverged: NDArray[np.bool_]
    generator: Generator

    @property
    def drawn(self) -> int:
        """How many runs are drawn singly: the first hundred, fewer where there are very many evaluations."""
        most = max(10, _MOST_SINGLE_POINTS // max(1, len(self.steps)))
        return min(len(self.returns), MOST_SINGLE_RUNS, most)


@dataclass(frozen=True)
class Finals:
    """Final scores of one algorithm on one task. planned: runs of the suite; scores [R], diverged [R]: of those that have
    a score; iqm, low, high: over them."""

    algorithm: str
    planned: int
    scores: Numbers
    diverged: NDArray[np.bool_]
    iqm: float | None
    low: float | None
    high: float | None


def estimate(values: Numbers, generator: Generator) -> Estimate:
    """IQM over runs at each step, with a 95 % band.

    Args: values [R, T], NaN where a run has no value.
    Returns: IQM, low and high [T]; over the runs that have a value; NaN without one, the band also under 3 of them.
    """
    present = ~np.isnan(values)
    centre, low, high = np.full((3, values.shape[1]), np.nan)
    patterns, which = np.unique(present, axis=1, return_inverse=True)  # steps that rest on the same runs go together
    for i, rows in enumerate(patterns.T):
        count, columns = int(rows.sum()), np.flatnonzero(which.ravel() == i)
        if count == 0:
            continue
        chosen = values[np.ix_(rows, columns)]
        centre[columns] = iqm(chosen, axis=0)
        if count < FEWEST_FOR_INTERVAL:
            continue
        picks = generator.integers(count, size=(RESAMPLES, count))
        width = max(1, _CHUNK // picks.size)
        for at in range(0, len(columns), width):
            part = columns[at : at + width]
            resampled = chosen.T[at : at + width][:, picks]  # [T, B, R]
            low[part], high[part] = np.quantile(iqm(resampled), [0.025, 0.975], axis=1)
    return centre, low, high


def learning_curves(
    curves: Sequence[Curve], task: str, protocol: EvaluationProtocol, looks: Mapping[str, Look], name: str
) -> Picture:
    """IQM and band of each algorithm over its single runs. curves: of one task; name: as for `inline`."""
    curves = [curve for curve in curves if len(curve.steps)]
    if not curves:
        why = "no run has one yet" if protocol.every else "the suite asks for none (every: 0)"
        return Picture(None, f"There are no learning curves, for they need evaluations during training: {why}.")
    estimates = [estimate(curve.counted, curve.generator) for curve in curves]
    ends = [f"{c.algorithm} {number(float(e[0][-1]))} at step {c.steps[-1]:.0f}" for c, e in zip(curves, estimates)]
    said = f"Learning curves on {task}: evaluation return against environment steps. Last IQM: {'; '.join(ends)}."
    svg = _draw_curves(list(zip(curves, estimates)), looks, name, said)
    return Picture(svg, _curves_caption(curves, protocol))


def _curves_caption(curves: Sequence[Curve], protocol: EvaluationProtocol) -> str:
    said = [
        f"Return of evaluations during training, each the mean of {protocol.episodes} episodes of the"
        f" {protocol.policy} policy. Thick lines: IQM over runs at each step. Bands: its 95 % interval (percentile"
        f" bootstrap over runs, {RESAMPLES:,} resamples, step by step). Thin lines: single runs.",
        f"Runs: {', '.join(f'{curve.algorithm} {len(curve.returns)}' for curve in curves)}.",
    ]
    few = [curve.algorithm for curve in curves if len(curve.returns) < FEWEST_FOR_INTERVAL]
    if few:
        said.append(f"No band under {FEWEST_FOR_INTERVAL} runs: {', '.join(few)}.")
    if any(curve.diverged.any() for curve in curves):
        said.append("Crosses: the last evaluation of a run that diverged; it goes on to count with its score.")
    if any(np.isnan(curve.counted).any() for curve in curves):
        said.append("Where a run was not evaluated at a step, the line rests on the others.")
    cut = [f"{c.algorithm} {c.drawn} of {len(c.returns)}" for c in curves if c.drawn < len(c.returns)]
    if cut:
        said.append(f"Drawn singly are only the first runs ({', '.join(cut)}); lines and bands rest on all.")
    return " ".join(said)


def _draw_curves(
    estimated: Sequence[tuple[Curve, Estimate]], looks: Mapping[str, Look], name: str, description: str
) -> Markup:
    curves = [curve for curve, _ in estimated]
    columns = _legend_columns([curve.algorithm for curve in curves])
    lines = -(-len(curves) // columns)
    with themed():
        figure = Figure(figsize=(_WIDTH, 3.1 + 0.19 * lines), layout="constrained")
        axes = figure.add_subplot()
        alpha = 0.45 if sum(curve.drawn for curve in curves) <= 30 else 0.22
        for curve, (centre, low, high) in estimated:
            look = looks[curve.algorithm]
            _draw_runs(axes, curve, look, alpha)
            _draw_estimate(axes, curve.steps, centre, low, high, look)
        axes.set_xlabel("environment steps")
        axes.set_ylabel("evaluation return")
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        handles = [_legend_line(looks[curve.algorithm]) for curve in curves]
        legend = figure.legend(
            handles=handles, loc="outside lower center", ncols=columns, frameon=False, handlelength=3
        )
        for text, curve in zip(legend.get_texts(), curves):  # a label that begins with "_" would be left out
            text.set_text(shortened(curve.algorithm))
        sns.despine(ax=axes)
        return inline(figure, name, description)


def _draw_runs(axes: Axes, curve: Curve, look: Look, alpha: float) -> None:
    """Single runs as one path, broken between them, and a cross where one diverged."""
    single = curve.returns[: curve.drawn]
    gap = np.full((len(single), 1), np.nan)
    steps = np.hstack([np.tile(curve.steps, (len(single), 1)), gap]).ravel()
    marker = "_" if len(curve.steps) == 1 else ""  # a line of one point would not be seen
    axes.plot(steps, np.hstack([single, gap]).ravel(), color=look.colour, alpha=alpha, linewidth=0.7, marker=marker)
    for run in single[curve.diverged[: curve.drawn]]:
        last = np.flatnonzero(~np.isnan(run))[-1:]
        axes.plot(curve.steps[last], run[last], "x", color=look.colour, markersize=6, markeredgewidth=1.2)


def _draw_estimate(axes: Axes, steps: Numbers, centre: Numbers, low: Numbers, high: Numbers, look: Look) -> None:
    axes.fill_between(steps, low, high, color=look.colour, alpha=0.2, linewidth=0)
    if len(steps) == 1:
        axes.vlines(steps, low, high, color=look.colour, alpha=0.4, linewidth=3)
    every = -(-len(steps) // 20)  # more markers would hide the line
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.linestyle, "marker": look.marker}
    axes.plot(steps, centre, markevery=every, **style, **_IQM_LINE)


def _legend_line(look: Look) -> Line2D:
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.linestyle, "marker": look.marker}
    return Line2D([], [], label="named below", **style, **_IQM_LINE)


def _legend_columns(names: Sequence[str]) -> int:
    """As many as fit the figure's width."""
    longest = max(len(shortened(name)) for name in names)
    return max(1, min(len(names), 4, _LEGEND_CHARACTERS // (longest + 6)))


def final_scores(
    finals: Sequence[Finals],
    chance: Finals | None,
    task: str,
    protocol: EvaluationProtocol,
    looks: Mapping[str, Look],
    name: str,
) -> Picture:
    """A row of dots for each algorithm, one a run, over its IQM and interval. finals: of one task, at least one with a score.

    chance: the random policy, whose interval is shaded over all rows. name: as for `inline`.
    """
    chance = chance if len(finals) > 1 else None
    rows = [f"{f.algorithm}: IQM {number(f.iqm)} {interval(f.low, f.high)}, {len(f.scores)} runs" for f in finals]
    svg = _draw_rows(finals, chance, looks, name, f"Final scores on {task}. {'; '.join(rows)}.")
    shown = [f"{f.algorithm} {len(f.scores)} of {f.planned}" for f in finals]
    said = [
        f"Score of each run: mean return of its final policy over {protocol.final_episodes} episodes. Below the dots:"
        f" IQM and its 95 % interval, as in the table. Runs: {', '.join(shown)}."
    ]
    if chance is not None and chance.low is not None:
        said.append(f"Shaded: the interval of {chance.algorithm}.")
    if any(f.diverged.any() for f in finals):
        said.append("Crosses: runs that diverged.")
    return Picture(svg, " ".join(said))


def _draw_rows(
    finals: Sequence[Finals], chance: Finals | None, looks: Mapping[str, Look], name: str, description: str
) -> Markup:
    with themed():
        figure = Figure(
            figsize=(_WIDTH, 0.75 + (0.5 if len(finals) <= 6 else 0.38) * len(finals)), layout="constrained"
        )
        axes = figure.add_subplot()
        if chance is not None and chance.low is not None and chance.high is not None:
            axes.axvspan(chance.low, chance.high, facecolor=INK, edgecolor=INK, alpha=0.2, linewidth=1, zorder=0)
        for row, final in enumerate(finals):
            _draw_finals(axes, row, final, looks[final.algorithm])
        axes.set_ylim(len(finals) - 0.45, -0.55)  # the first algorithm on top
        axes.set_yticks(range(len(finals)), labels=[shortened(final.algorithm) for final in finals])
        axes.grid(False, axis="y")
        axes.set_xlabel("score")
        sns.despine(ax=axes, left=True)
        return inline(figure, name, description)


def _draw_finals(axes: Axes, row: int, final: Finals, look: Look) -> None:
    # Equal scores would cover each other: the golden ratio spreads any number of them evenly, and always alike.
    heights = row - 0.12 + 0.4 * ((np.arange(len(final.scores)) * _GOLDEN) % 1 - 0.5)
    ended, diverged = ~final.diverged, final.diverged
    alpha = 0.6 if len(final.scores) <= 50 else 0.25
    axes.plot(final.scores[ended], heights[ended], look.marker, color=look.colour, alpha=alpha, markersize=4)
    axes.plot(final.scores[diverged], heights[diverged], "x", color=look.colour, markersize=5, markeredgewidth=1.2)
    if final.low is not None and final.high is not None:
        axes.plot([final.low, final.high], [row + 0.26] * 2, color=look.colour, linewidth=2.2, solid_capstyle="butt")
    if final.iqm is not None:
        axes.plot(final.iqm, row + 0.26, look.marker, color=look.colour, markersize=6.5, markeredgecolor="none")
