"""Section on all tasks together, with normalised scores: estimates with intervals, profiles and sample efficiency."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure as Drawing

from rlbench.analysis import Results, Scores, keys_of
from rlbench.analysis.estimates import OF_ALL, interval_estimate
from rlbench.analysis.final_scores import resamples_for
from rlbench.api.sections import Figure, Heading, Paragraph, Part, Section, Table
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.anchored_axes import arrows, view
from rlbench.reports.profile_figures import profile_figure
from rlbench.reports.sample_efficiency import efficiency_figure
from rlbench.reports.style import shorten
from rlbench.reports.svg_figures import WIDE, ink, width_of
from rlbench.reports.task_panels import Panel, anchors_in_words, counts, panels, without_anchors
from rlbench.stats import Interval
from rlbench.text import interval, join_names, number

_NARROW = 5.5  # inches; up to this width the panels are in two rows
ESTIMATES = {"IQM": "iqm", "median": "median", "mean": "mean", "optimality gap": "optimality_gap"}
EstimatesByName = Mapping[str, Mapping[str, Interval]]


def section(results: Results) -> Section | None:
    panels_shown = panels(results.final_scores, anchored=True)
    if not panels_shown:
        return None
    parts: list[Part] = []
    for panel in panels_shown:
        parts += [Heading(_title(panel, results.final_scores))] if len(panels_shown) > 1 or len(panel.tasks) > 1 else []
        parts += panel_parts(results, panel)
    missing = without_anchors(results.final_scores)
    return Section([*parts, *([Paragraph(missing, quiet=True)] if missing else [])])


def _title(panel: Panel, scores: Scores) -> str:
    everything = len(panel.tasks) == len(scores.environments)
    return f"All tasks: {panel.title}" if everything and len(panel.tasks) > 1 else panel.title


def panel_parts(results: Results, panel: Panel) -> list[Part]:
    scores, styles = results.final_scores, results.styles
    estimates = estimates_of(panel, scores)
    parts: list[Part] = [_table(panel, scores, estimates), aggregate_figure(panel, scores, estimates, styles)]
    figures = [profile_figure(panel, scores, styles), efficiency_figure(panel, results)]
    return [*parts, *(figure for figure in figures if figure is not None)]


def estimates_of(panel: Panel, scores: Scores) -> EstimatesByName:
    """Return, for each algorithm, its estimates by name, as in ESTIMATES."""
    return {name: _estimates(panel, scores, name) for name in panel.algorithms}


def _estimates(panel: Panel, scores: Scores, name: str) -> dict[str, Interval]:
    """Return the estimates of one algorithm by name, with a NaN interval if there are too few runs."""
    runs = list(panel.normalised(scores, name).values())
    keys = keys_of([scores.samples[name, task] for task in panel.tasks])
    return {shown: interval_estimate(runs, keys, what, OF_ALL) for shown, what in ESTIMATES.items()}


def _resamples(panel: Panel, scores: Scores) -> str:
    """Return how often each algorithm's runs are resampled, as in "10,000" or "4,000 to 10,000"."""
    counts_used = {
        resamples_for(sum(scores.samples[name, task].n for task in panel.tasks)) for name in panel.algorithms
    }
    return " to ".join(f"{count:,}" for count in sorted({min(counts_used), max(counts_used)}))


def _table(panel: Panel, scores: Scores, estimates: EstimatesByName) -> Table:
    rows = []
    for name in panel.algorithms:
        cells = [f"{number(e.estimate, 2)}\n{_bounds(e)}" for e in estimates[name].values()]
        rows.append((name, *cells, counts(panel, scores, name)))
    note = (
        "Scores are normalised between each task’s fixed anchors, 0 at the lower and 1 at the upper:"
        f" {anchors_in_words(scores, panel.tasks)}. IQM: over all runs of all tasks. Median: over tasks, of the mean"
        " over runs. Mean: over tasks. Optimality gap: how far runs fall short of 1 on average; 0 is best. 95 %"
        f" intervals: stratified bootstrap over runs within tasks, {_resamples(panel, scores)} resamples; percentile"
        " intervals, but bootstrap-t for the mean. They apply to further runs on these tasks, not to other tasks."
    )
    return Table(
        f"aggregates-{panel.name}",
        f"Estimates over {panel.title}",
        ("algorithm", *ESTIMATES, "runs per task"),
        [("", rows)],
        (1, 2, 3, 4, 5),
        True,
        note,
        units=("", *["normalised score"] * len(ESTIMATES), ""),
    )


def _bounds(estimate: Interval) -> str:
    return "" if np.isnan(estimate.low) else interval(estimate.low, estimate.high, 2)


def aggregate_figure(
    panel: Panel, scores: Scores, estimates: EstimatesByName, styles: Mapping[str, SeriesStyle]
) -> Figure:
    """Draw the estimates as dots with their intervals, the algorithms in the order of the table."""
    names = list(panel.algorithms)
    values = [
        f"{name} IQM {number(estimates[name]['IQM'].estimate, 2)} {_bounds(estimates[name]['IQM'])}" for name in names
    ]
    return Figure(
        f"aggregates-{panel.name}",
        _draw_estimates(names, estimates, styles),
        f"Normalised scores over {panel.title}: {'; '.join(values)}.",
        _finding(names, estimates),
        "Dots: estimates; lines: their 95 % intervals, as in the table. Arrows point to values beyond the axes.",
        wide=True,
    )


def _finding(names: list[str], estimates: EstimatesByName) -> str:
    first = max(names, key=lambda name: estimates[name]["IQM"].estimate)
    best = estimates[first]["IQM"]
    overlap = [name for name in names if name != first and estimates[name]["IQM"].high >= best.low]
    if np.isnan(best.low):
        return f"{first} has the highest IQM; too few runs for an interval."
    many = len(overlap) > 1
    overlaps = f"; the interval{'s' * many} of {join_names(overlap)} overlap{'' if many else 's'} its interval"
    overlaps = overlaps if overlap else ", and no other interval overlaps its interval"
    return f"{first} has the highest IQM, {number(best.estimate, 2)}{overlaps}."


def _draw_estimates(
    names: list[str], estimates: EstimatesByName, styles: Mapping[str, SeriesStyle]
) -> Callable[[], Drawing]:
    def draw() -> Drawing:
        width = width_of(WIDE)
        across = len(ESTIMATES) if width > _NARROW else 2
        down = len(ESTIMATES) // across
        figure = Drawing(figsize=(width, down * (0.7 + 0.24 * len(names))), layout="constrained")
        panels_drawn = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
        for axes, what in zip(panels_drawn, ESTIMATES):
            shown = [estimates[name][what] for name in names]
            axes.set_xlim(*view([[e.estimate, e.low, e.high] for e in shown], 0.0, 1.0))
            for row, name in enumerate(names):
                estimate, style = estimates[name][what], styles[name]
                axes.plot(
                    [estimate.low, estimate.high], [row, row], color=style.colour, linewidth=2.2, solid_capstyle="butt"
                )
                axes.plot(
                    estimate.estimate, row, style.marker, color=style.colour, markersize=6, markeredgecolor="none"
                )
                arrows(axes, row, [estimate.estimate, estimate.low, estimate.high], style.colour)
            axes.axvline(1.0 if what != "optimality gap" else 0.0, color=ink(), linewidth=0.8, linestyle=(0, (2, 2)))
            better = "\n(lower is better)" if width <= _NARROW else " (lower is better)"
            axes.set_title(f"{what}{better if what == 'optimality gap' else ''}", fontsize="medium")
            axes.grid(False, axis="y")
            sns.despine(ax=axes, left=True)
        panels_drawn[0].set_ylim(len(names) - 0.4, -0.6)
        panels_drawn[0].set_yticks(range(len(names)), labels=[shorten(name) for name in names])
        return figure

    return draw
