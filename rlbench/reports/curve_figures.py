"""Learning curves: the IQM over runs with its band, and single runs, against steps or against time.

Estimates are the IQM over runs; bands are pointwise 95 % percentile bootstraps that resample whole runs.
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

from rlbench.analysis import FEWEST_FOR_INTERVAL, seeded
from rlbench.analysis.learning_curves import Estimate, Grid, Numbers, estimate, resamples_for
from rlbench.api import EvaluationProtocol
from rlbench.api.sections import Figure, Paragraph, Part
from rlbench.reports.style import Look, in_a_row, number
from rlbench.reports.svg_figures import WIDTH, framed

MOST_SINGLE_RUNS = 100
_MOST_SINGLE_POINTS = 60_000  # of all curves of a page: a megabyte


def learning_curves(
    grids: Sequence[Grid],
    task: str,
    protocol: EvaluationProtocol,
    looks: Mapping[str, Look],
    name: str,
    singles: int = MOST_SINGLE_RUNS,
) -> Part:
    """IQM and band of each algorithm over its single runs, against steps. grids: of one task; name: of its files; singles:
    how many runs of each are drawn singly at most."""
    grids = [grid for grid in grids if len(grid.steps)]
    if not grids:
        why = "no run has one yet" if protocol.every else "the suite asks for none (every: 0)"
        return Paragraph(f"There are no learning curves, for they need evaluations during training: {why}.", quiet=True)
    estimates = {grid.algorithm: estimate(grid.counted, seeded(grid.keys)) for grid in grids}
    ends = [f"{g.algorithm} {number(float(estimates[g.algorithm][0][-1]))} at step {g.steps[-1]:.0f}" for g in grids]

    def draw() -> Drawing:
        figure, axes = curve_axes("environment steps", "evaluation return")
        for grid in grids:
            look = looks[grid.algorithm]
            draw_runs(axes, grid.steps, grid.returns[:singles], look, grid.diverged)
            draw_estimate(axes, grid.steps, estimates[grid.algorithm], look)
        return figure

    return Figure(
        name,
        draw,
        f"Learning curves on {task}: evaluation return against environment steps. Last IQM: {'; '.join(ends)}.",
        _seen(task, grids, estimates),
        _method(grids, protocol, singles),
        [grid.algorithm for grid in grids],
        "single runs",
    )


def _seen(task: str, grids: Sequence[Grid], estimates: Mapping[str, Estimate]) -> str:
    """Who ends highest, and whose band overlaps that one's there."""
    ends = {g.algorithm: tuple(float(e[-1]) for e in estimates[g.algorithm]) for g in grids}
    best = max(ends, key=lambda name: ends[name][0])
    centre, low, _ = ends[best]
    said = f"{task}: {best} ends highest, at {number(centre)}"
    if len(ends) == 1:
        return f"{task}: {best} ends at {number(centre)}."
    overlap = [name for name, (_, _, high) in ends.items() if name != best and high >= low]
    unknown = [name for name, (_, _, high) in ends.items() if name != best and np.isnan(high)]
    if np.isnan(low) or len(unknown) == len(ends) - 1:
        return f"{said}; too few runs for bands."
    if not overlap:
        return f"{said}; no other band reaches its band at the end."
    return f"{said}; the {'bands' if len(overlap) > 1 else 'band'} of {in_a_row(overlap)} still {'overlap' if len(overlap) > 1 else 'overlaps'} its own there."


def _method(grids: Sequence[Grid], protocol: EvaluationProtocol, singles: int) -> str:
    counts = {g.algorithm: len(g.returns) for g in grids}
    runs = (
        f"{next(iter(counts.values()))} runs each"
        if len(set(counts.values())) == 1
        else f"runs: {', '.join(f'{name} {n}' for name, n in counts.items())}"
    )
    said = [
        f"Return of evaluations during training, each the mean of {protocol.episodes} episodes of the"
        f" {protocol.policy} policy; {runs}. Thick lines: IQM over runs at each step. Bands: its 95 % interval (percentile"
        f" bootstrap over runs, {resamples_for(max(counts.values())):,} resamples, step by step).",
    ]
    few = [g.algorithm for g in grids if len(g.returns) < FEWEST_FOR_INTERVAL]
    if few:
        said.append(f"No band under {FEWEST_FOR_INTERVAL} runs: {', '.join(few)}.")
    if any(grid.diverged.any() for grid in grids):
        said.append("Crosses: the last evaluation of a run that diverged; it goes on to count with its score.")
    if any(np.isnan(grid.counted).any() for grid in grids):
        said.append("Where a run was not evaluated at a step, the line rests on the others.")
    cut = [f"{g.algorithm} {singles} of {len(g.returns)}" for g in grids if singles < len(g.returns)]
    if cut:
        said.append(f"Drawn singly are only the first runs ({', '.join(cut)}); lines and bands rest on all.")
    return " ".join(said)


def single_runs(grids: Sequence[Grid]) -> int:
    """How many runs of each of these curves are drawn singly, so that the page does not grow without end."""
    widest = sum(len(grid.steps) for grid in grids)
    return int(np.clip(_MOST_SINGLE_POINTS // max(1, widest), 3, MOST_SINGLE_RUNS))


def curve_axes(abscissa: str, ordinate: str) -> tuple[Drawing, Axes]:
    """An empty figure for curves."""
    figure, axes = framed(WIDTH, 3.0)
    axes.set_xlabel(abscissa)
    axes.set_ylabel(ordinate)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    sns.despine(ax=axes)
    return figure, axes


def draw_runs(axes: Axes, steps: Numbers, single: Numbers, look: Look, diverged: NDArray[np.bool_]) -> None:
    """Single runs [R, T] as one path, broken between them, and a cross where one diverged. steps: [T] or [R, T]."""
    own = np.broadcast_to(steps, single.shape)
    gap = np.full((len(single), 1), np.nan)
    marker = "_" if single.shape[1] == 1 else ""  # a line of one point would not be seen
    style: dict[str, Any] = {"color": look.colour, "gid": f"runs {look.gid}"}
    xs, ys = np.hstack([own, gap]).ravel(), np.hstack([single, gap]).ravel()
    axes.plot(xs, ys, alpha=0.45, linewidth=0.7, marker=marker, zorder=1.8, **style)
    for x, run in zip(own[diverged[: len(single)]], single[diverged[: len(single)]]):
        last = np.flatnonzero(~np.isnan(run))[-1:]
        axes.plot(x[last], run[last], "x", color=look.colour, markersize=6, markeredgewidth=1.2, gid=look.gid)


def draw_estimate(axes: Axes, steps: Numbers, found: Estimate, look: Look) -> None:
    """The IQM [T] as a line with markers over its band, against steps (or seconds) [T]; NaN leaves a gap."""
    centre, low, high = found
    axes.fill_between(steps, low, high, color=look.colour, alpha=0.16, linewidth=0, gid=look.gid)
    if len(steps) == 1:
        axes.vlines(steps, low, high, color=look.colour, alpha=0.4, linewidth=3, gid=look.gid)
    every = -(-len(steps) // 20)  # more markers would hide the line
    style: dict[str, Any] = {"color": look.colour, "linestyle": look.linestyle, "marker": look.marker}
    axes.plot(
        steps, centre, markevery=every, linewidth=1.6, markersize=4, markeredgecolor="none", gid=look.gid, **style
    )
