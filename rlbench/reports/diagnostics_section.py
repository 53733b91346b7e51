"""Section with what learners logged while they trained, such as losses, entropies and gradient norms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from rlbench.analysis import Results
from rlbench.analysis.metric_curves import MetricCurve, ends_of, metric_curves
from rlbench.api.sections import Figure, Folded, Paragraph, Part, Section
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.style import file_names, shorten
from rlbench.reports.svg_figures import WIDE, WIDTH
from rlbench.text import number, plural

PER_ROW, MOST_PANELS = 3, 24
_ROW_HEIGHT = 1.9  # inches
_TITLE = 40  # characters of a panel's title
_LOG_RATIO = 300.0  # positive numbers have a logarithmic axis if the largest is over this many times the smallest
METHOD = (
    "Each point is the mean over the updates since the previous point. Lines: median over runs. Bands: from the lowest"
    " to the highest run. Algorithms log different numbers, and equal names need not mean equal scales."
)


def section(results: Results) -> Section | None:
    curves = metric_curves(results.metrics())
    if not curves:
        return None
    parts: list[Part] = [Paragraph(METHOD, quiet=True)]
    for task, file_name in file_names(results.tasks).items():
        if task in curves:
            names = list(curves[task])[:MOST_PANELS]
            title = f"{task}: {plural(len(names), 'metric')}"
            left_out = len(curves[task]) - len(names)
            note = [Paragraph(f"{left_out} more metrics are in `results.metrics()`.", quiet=True)] if left_out else []
            figure = metrics_figure(task, curves[task], names, results.styles, f"diagnostics-{file_name}")
            parts.append(Folded(title, [figure, *note]))
    return Section(parts)


def metrics_figure(
    task: str,
    curves: Mapping[str, Sequence[MetricCurve]],
    names: Sequence[str],
    styles: Mapping[str, SeriesStyle],
    figure_name: str,
) -> Figure:
    """Return a figure with one panel for each of the metrics `names`."""

    def draw() -> Drawing:
        columns = min(PER_ROW, len(names))
        rows = math.ceil(len(names) / columns)
        width = WIDE if columns > 1 else WIDTH
        last_step = max(curve.steps[-1] for name in names for curve in curves[name])
        drawing = Drawing(figsize=(width, 0.5 + rows * _ROW_HEIGHT), layout="constrained")
        for place, name in enumerate(names):
            axes = drawing.add_subplot(rows, columns, place + 1)
            _draw_panel(axes, name, curves[name], styles)
            axes.set_xlim(0, max(1, last_step) * 1.02)  # every value may have been logged before step 1
            if place // columns == (len(names) - 1 - place % columns) // columns:  # the lowest panel of its column
                axes.set_xlabel("environment steps")
        return drawing

    algorithms = dict.fromkeys(curve.algorithm for name in names for curve in curves[name])
    ends = []
    for name in names:
        values = ends_of({curve.algorithm: curve.summary()[0] for curve in curves[name]})
        ends.append(f"{name}: " + ", ".join(f"{algorithm} {number(value)}" for algorithm, value in values.items()))
    return Figure(
        figure_name,
        draw,
        f"What learners logged on {task}. Last medians: {'; '.join(ends)}.",
        f"{task}: {', '.join(names)}.",
        METHOD,
        [name for name in styles if name in algorithms],
        wide=len(names) > 1,
    )


def _draw_panel(axes: Axes, name: str, curves: Sequence[MetricCurve], styles: Mapping[str, SeriesStyle]) -> None:
    axes.set_title(shorten(name, _TITLE), fontsize=8.5, loc="left")
    drawn = []
    for curve in curves:
        style, (centre, low, high) = styles[curve.algorithm], curve.summary()
        drawn += [low, high]
        marker = style.marker if len(curve.steps) == 1 else ""
        axes.fill_between(curve.steps, low, high, color=style.colour, alpha=0.14, linewidth=0, gid=style.gid)
        axes.plot(
            curve.steps, centre, color=style.colour, linestyle=style.linestyle, marker=marker, markersize=4,
            linewidth=1.3, gid=style.gid,
        )  # fmt: skip
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() > _LOG_RATIO * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))  # figures have no mathtext
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    sns.despine(ax=axes)
