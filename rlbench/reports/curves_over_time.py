"""The learning curves again, against what was paid for them: processor seconds of a run, and the training clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from rlbench.analysis import seeded
from rlbench.analysis.learning_curves import Grid, Numbers, estimate
from rlbench.api.sections import Figure, Heading, Paragraph, Part, Section
from rlbench.reports.curve_figures import MOST_SINGLE_RUNS, curve_axes, draw_estimate, draw_runs, single_runs
from rlbench.reports.report_data import Readings
from rlbench.reports.style import Look, in_a_row, number

POINTS = 40
AGAINST = {"cpu_seconds": "cpu", "wall_seconds": "seconds"}
_CPU = (
    "CPU seconds of a run: its share of the processor time of its process, in proportion to its training clock. Bands and"
    " lines as above, each run held at its last evaluation once it has ended."
)


def section(readings: Readings) -> Section | None:
    grids = [grid for grid in readings.grids.values() if len(grid.steps) > 1]
    if not grids:
        return None
    parts: list[Part] = [Paragraph(_warning(readings), quiet=True)]
    singles = single_runs(grids) // 2
    for i, task in enumerate(readings.tasks):
        own = [grid for grid in grids if grid.environment == task]
        if not own:
            continue
        found = [clock_figure(readings, task, what, f"{what.partition('_')[0]}-{i + 1}", singles) for what in AGAINST]
        parts += [Heading(task), *(figure for figure in found if figure is not None)]
    return Section(parts)


def clock_figure(
    readings: Readings, task: str, against: str, name: str, singles: int = MOST_SINGLE_RUNS
) -> Figure | None:
    """The curves of a task against one of AGAINST; None where no evaluation has such a time."""
    grids = [grid for grid in readings.grids.values() if grid.environment == task]
    which = AGAINST[against]
    timed = [grid for grid in grids if len(grid.steps) > 1 and np.isfinite(getattr(grid, which)).any()]
    return _figure(timed, which, name, task, readings.looks, singles) if timed else None


def _warning(readings: Readings) -> str:
    """What keeps times from being compared."""
    results = [state.result for state in readings.states.values()]
    stacks = sorted({r["stack_size"] for r in results if "stack_size" in r})
    machines = {str(r.get("hardware", {}).get("cpu")) for r in results}
    loaded = sum(1 for r in results if loaded_machine(r))
    said = ["Times compare only where machine, load and stack are alike."]
    if len(machines) > 1:
        said.append(f"These runs were made on {len(machines)} kinds of machine.")
    if loaded:
        said.append(f"{loaded} of {len(results)} runs were made while the machine had more work than cores.")
    if len(stacks) > 1:
        said.append(
            f"Stacks had from {stacks[0]} to {stacks[-1]} seeds: the training clock is the whole stack's, so compare CPU"
            " seconds, which are shared out."
        )
    return " ".join(said)


def along(grid: Grid, clock: Numbers) -> tuple[Numbers, Numbers]:
    """A grid's evaluations at POINTS equal times, [K] and [R, K]: linear between evaluations, held after the last.

    clock [R, T]: seconds at each evaluation. The times run from when the last run has its first evaluation to when the last run ends;
    runs without a time are left out.
    """
    timed = np.isfinite(clock) & np.isfinite(grid.returns)
    rows = np.flatnonzero(timed.any(1))
    if not len(rows):
        return np.zeros(0), np.zeros((0, 0))
    firsts = [clock[r][timed[r]][0] for r in rows]
    lasts = [clock[r][timed[r]][-1] for r in rows]
    times = np.linspace(max(firsts), max(max(lasts), max(firsts)), POINTS)
    values = np.array([np.interp(times, clock[r][timed[r]], grid.returns[r][timed[r]]) for r in rows])
    for at, r in enumerate(rows):
        if grid.diverged[r]:  # from there on it counts with its score, as against steps
            values[at, times > lasts[at]] = grid.counted[r, -1]
    return times, values


def _figure(grids: Sequence[Grid], which: str, name: str, task: str, looks: Mapping[str, Look], singles: int) -> Figure:
    clocks = {grid.algorithm: getattr(grid, which) for grid in grids}
    curves = {grid.algorithm: along(grid, clocks[grid.algorithm]) for grid in grids}
    found = {
        grid.algorithm: estimate(curves[grid.algorithm][1], seeded(grid.keys))
        for grid in grids
        if len(curves[grid.algorithm][0])
    }
    unit = "CPU seconds of a run" if which == "cpu" else "training clock, seconds"

    def draw() -> Drawing:
        figure, axes = curve_axes(unit, "evaluation return")
        for grid in grids:
            look = looks[grid.algorithm]
            draw_runs(axes, clocks[grid.algorithm][:singles], grid.returns[:singles], look, grid.diverged)
            if grid.algorithm in found:
                draw_estimate(axes, curves[grid.algorithm][0], found[grid.algorithm], look)
        return figure

    last = {name: float(curves[name][0][-1]) for name in found}
    said = "; ".join(f"{name} {number(float(e[0][-1]))} after {number(last[name])} s" for name, e in found.items())
    method = _CPU if which == "cpu" else "The clock of the stack a run was trained in; evaluation stops it."
    return Figure(
        name,
        draw,
        f"Evaluation return on {task} against {unit}. Last IQM: {said}.",
        f"{task}: {_quickest(last)}",
        method,
        list(clocks),
        "single runs",
    )


def _quickest(last: Mapping[str, float]) -> str:
    """Who was through with its steps first and last."""
    order = sorted(last, key=lambda name: last[name])
    if len(order) < 2:
        return f"a run takes {number(last[order[0]])} s." if order else "no times are known."
    return f"{in_a_row(order[:1])} is through with its steps first, after {number(last[order[0]])} s, {order[-1]} last, after {number(last[order[-1]])} s."


def loaded_machine(result: Mapping[str, object]) -> bool:
    """Whether the machine had more work than cores when the run ended."""
    hardware, load = result.get("hardware"), result.get("load_average")
    cores = hardware.get("cores") if isinstance(hardware, Mapping) else None
    return isinstance(load, float) and isinstance(cores, int) and load > cores + 0.5
