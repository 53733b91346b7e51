"""Section with the learning curves against time: processor seconds of a run, and the training clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from rlbench.analysis import Anchors, Results, seeded_generator
from rlbench.analysis.learning_curves import LearningCurves, Numbers, estimate
from rlbench.api.sections import Figure, Folded, Heading, Paragraph, Part, Section
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.anchored_axes import view
from rlbench.reports.curve_figures import MOST_SINGLE_RUNS, single_runs
from rlbench.reports.curve_lines import DrawnCurve
from rlbench.reports.curve_panels import HOW, draw_curves, needs_panels
from rlbench.reports.style import MOST_OPEN, file_names
from rlbench.text import number

POINTS = 40
AGAINST = {"cpu_seconds": "cpu", "wall_seconds": "seconds"}
_CPU = (
    "CPU seconds of a run: its share of the processor time of its process, spread in proportion to its training clock."
    " Bands and lines as above; a run that has ended keeps its last evaluation."
)


def section(results: Results) -> Section | None:
    curves = [curve for curve in results.learning_curves.values() if len(curve.steps) > 1]
    if not curves:
        return None
    parts: list[Part] = [Paragraph(_warning(results), quiet=True)]
    singles = single_runs(curves) // 2
    for task, file_name in file_names(results.tasks).items():
        task_curves = [curve for curve in curves if curve.environment == task]
        if not task_curves:
            continue
        figures = [
            clock_figure(results, task, what, f"curves-{what.replace('_', '-')}-{file_name}", singles)
            for what in AGAINST
        ]
        drawn = [figure for figure in figures if figure is not None]
        parts += [Folded(task, drawn)] if len(results.tasks) > MOST_OPEN else [Heading(task), *drawn]
    return Section(parts)


def clock_figure(
    results: Results, task: str, against: str, name: str, singles: int = MOST_SINGLE_RUNS
) -> Figure | None:
    """Return the curves of a task against one of the clocks in AGAINST, or None if no evaluation has a time on it."""
    curves = [curve for curve in results.learning_curves.values() if curve.environment == task]
    which = AGAINST[against]
    timed = [curve for curve in curves if len(curve.steps) > 1 and np.isfinite(getattr(curve, which)).any()]
    anchors = results.anchors.get(task)
    return _figure(timed, which, name, task, results.styles, singles, anchors) if timed else None


def _warning(results: Results) -> str:
    """Return why times may not be comparable."""
    published = [state.result for state in results.published.values()]
    stacks = sorted({r["stack_size"] for r in published if "stack_size" in r})
    machines = {str(r.get("hardware", {}).get("cpu")) for r in published}
    loaded = sum(1 for r in published if was_overloaded(r))
    sentences = ["Times are comparable only if machine, load and stack are alike."]
    if len(machines) > 1:
        sentences.append(f"These runs used {len(machines)} kinds of machine.")
    if loaded:
        sentences.append(f"{loaded} of {len(published)} runs ran while the machine had more work than cores.")
    if len(stacks) > 1:
        sentences.append(
            f"Stacks had from {stacks[0]} to {stacks[-1]} seeds: the training clock is that of the whole stack, so"
            " compare CPU seconds, which are divided among its runs."
        )
    return " ".join(sentences)


def curves_at_times(curve: LearningCurves, clock: Numbers) -> tuple[Numbers, Numbers]:
    """Return the evaluations of curves at POINTS equally spaced times: the times [K] and the values [R, K].

    Values are interpolated linearly between evaluations and held after the last. clock [R, T]: seconds at each
    evaluation. The times extend from the latest first evaluation of a run to the latest last evaluation. Runs without a
    time are left out.
    """
    timed = np.isfinite(clock) & np.isfinite(curve.returns)
    rows = np.flatnonzero(timed.any(1))
    if not len(rows):
        return np.zeros(0), np.zeros((0, 0))
    firsts = [clock[r][timed[r]][0] for r in rows]
    lasts = [clock[r][timed[r]][-1] for r in rows]
    times = np.linspace(max(firsts), max(max(lasts), max(firsts)), POINTS)
    values = np.array([np.interp(times, clock[r][timed[r]], curve.returns[r][timed[r]]) for r in rows])
    for at, r in enumerate(rows):
        if curve.diverged[r]:  # after its last evaluation the run counts with its score, as in the figures over steps
            values[at, times > lasts[at]] = curve.counted[r, -1]
    return times, values


def _figure(
    curves: Sequence[LearningCurves],
    which: str,
    name: str,
    task: str,
    styles: Mapping[str, SeriesStyle],
    singles: int,
    anchors: Anchors | None,
) -> Figure:
    clocks = {curve.algorithm: getattr(curve, which) for curve in curves}
    timed = {curve.algorithm: curves_at_times(curve, clocks[curve.algorithm]) for curve in curves}
    estimates = {
        curve.algorithm: estimate(timed[curve.algorithm][1], seeded_generator(curve.keys))
        for curve in curves
        if len(timed[curve.algorithm][0])
    }
    unit = "CPU seconds of a run" if which == "cpu" else "training clock, seconds"

    in_panels = needs_panels(clocks, styles)
    limits = None if anchors is None else view([e[0] for e in estimates.values()], anchors.lower, anchors.upper)
    drawn = [
        DrawnCurve(
            curve.algorithm,
            timed[curve.algorithm][0],
            estimates.get(curve.algorithm),
            curve.returns[:singles],
            clocks[curve.algorithm][:singles],
            curve.diverged,
        )
        for curve in curves
    ]

    def draw() -> Drawing:
        return draw_curves(drawn, styles, (unit, "evaluation return"), limits)

    last = {name: float(timed[name][0][-1]) for name in estimates}
    values = "; ".join(
        f"{name} {number(float(e[0][-1]))} after {number(last[name])} s" for name, e in estimates.items()
    )
    method = _CPU if which == "cpu" else "The training clock of the run’s stack, which stops during evaluation."
    return Figure(
        name,
        draw,
        f"Evaluation return on {task} against {unit}. Last IQM: {values}.",
        f"{task}: {_quickest(last)}",
        (HOW if in_panels else "") + method,
        [] if in_panels else list(clocks),
        "single runs",
        wide=in_panels,
    )


def _quickest(last: Mapping[str, float]) -> str:
    """Return which algorithm finished its steps first, and which last."""
    order = sorted(last, key=lambda name: last[name])
    if len(order) < 2:
        return f"a run takes {number(last[order[0]])} s." if order else "no times are known."
    first, latest = order[0], order[-1]
    return f"{first} finishes first, after {number(last[first])} s, and {latest} last, after {number(last[latest])} s."


def was_overloaded(result: Mapping[str, object]) -> bool:
    """Return whether the machine had more work than cores when the run ended."""
    hardware, load = result.get("hardware"), result.get("load_average")
    cores = hardware.get("cores") if isinstance(hardware, Mapping) else None
    return isinstance(load, float) and isinstance(cores, int) and load > cores + 0.5
