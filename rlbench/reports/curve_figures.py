"""Learning curves: the IQM over runs with its band, and single runs, against steps or against time.

Estimates are the IQM over runs. Bands are pointwise 95 % percentile bootstraps that resample whole runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure as Drawing

from rlbench.analysis import FEWEST_FOR_INTERVAL, Anchors, seeded_generator
from rlbench.analysis.learning_curves import Estimate, LearningCurves, estimate, resamples_for
from rlbench.api import EvaluationProtocol
from rlbench.api.sections import Figure, Paragraph, Part
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.anchored_axes import view
from rlbench.reports.curve_lines import DrawnCurve
from rlbench.reports.curve_panels import HOW, draw_curves, needs_panels
from rlbench.text import join_names, number

MOST_SINGLE_RUNS = 100
_MOST_SINGLE_POINTS = 60_000  # points of all single runs on a page, about a megabyte


def learning_curves(
    curves: Sequence[LearningCurves],
    task: str,
    protocol: EvaluationProtocol,
    styles: Mapping[str, SeriesStyle],
    name: str,
    singles: int = MOST_SINGLE_RUNS,
    anchors: Anchors | None = None,
) -> Part:
    """Draw the IQM and band of each algorithm over its single runs, against steps.

    curves: the curves of one task. name: the name of the figure's files. singles: the most runs of each algorithm that
    are drawn singly. anchors: the anchors of the task, which the axis covers.

    If there are more than five algorithms, each has a panel, in which the other algorithms are grey.
    """
    curves = [curve for curve in curves if len(curve.steps)]
    if not curves:
        why = "no run has one yet" if protocol.every else "the suite requests none (every: 0)"
        return Paragraph(
            f"There are no learning curves, because they need evaluations during training: {why}.", quiet=True
        )
    estimates = {curve.algorithm: estimate(curve.counted, seeded_generator(curve.keys)) for curve in curves}
    ends = [f"{g.algorithm} {number(float(estimates[g.algorithm][0][-1]))} at step {g.steps[-1]:.0f}" for g in curves]

    limits = None if anchors is None else view([e[0] for e in estimates.values()], anchors.lower, anchors.upper)
    in_panels = needs_panels(estimates, styles)
    drawn = [
        DrawnCurve(c.algorithm, c.steps, estimates[c.algorithm], c.returns[:singles], c.steps, c.diverged)
        for c in curves
    ]

    def draw() -> Drawing:
        return draw_curves(drawn, styles, ("environment steps", "evaluation return"), limits)

    return Figure(
        name,
        draw,
        f"Learning curves on {task}: evaluation return against environment steps. Last IQM: {'; '.join(ends)}.",
        _finding(task, curves, estimates),
        _how(in_panels, limits is not None) + _method(curves, protocol, singles),
        [] if in_panels else [curve.algorithm for curve in curves],
        "single runs",
        wide=in_panels,
    )


def _finding(task: str, curves: Sequence[LearningCurves], estimates: Mapping[str, Estimate]) -> str:
    """Return a sentence: which algorithm ends highest, and which other bands overlap its band at the end."""
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
    return f"{text}; the {band} of {join_names(overlap)} still {verb} its band at the end."


def _how(in_panels: bool, anchored: bool) -> str:
    return (HOW if in_panels else "") + (
        "The axis covers the anchors; arrows point to curves beyond it. " if anchored else ""
    )


def _method(curves: Sequence[LearningCurves], protocol: EvaluationProtocol, singles: int) -> str:
    counts = {g.algorithm: len(g.returns) for g in curves}
    runs = (
        f"{next(iter(counts.values()))} runs each"
        if len(set(counts.values())) == 1
        else f"runs: {', '.join(f'{name} {n}' for name, n in counts.items())}"
    )
    sentences = [
        f"Return of evaluations during training, each the mean of {protocol.episodes} episodes of the"
        f" {protocol.policy} policy; {runs}. Thick lines: IQM over runs at each step. Bands: 95 % interval of the"
        f" IQM (percentile bootstrap over runs, {resamples_for(max(counts.values())):,} resamples, step by step).",
    ]
    few = [g.algorithm for g in curves if len(g.returns) < FEWEST_FOR_INTERVAL]
    if few:
        sentences.append(f"No band, with fewer than {FEWEST_FOR_INTERVAL} runs: {', '.join(few)}.")
    if any(curve.diverged.any() for curve in curves):
        sentences.append(
            "Crosses: the last evaluation of a run that diverged; after it, the run counts with its score."
        )
    if any(np.isnan(curve.counted).any() for curve in curves):
        sentences.append("Where a run was not evaluated at a step, the line is based on the other runs.")
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
