"""The report's figures for notebooks and papers: `rlbench.load("results/mine").plot.curves("CartPole-v1")`.

A notebook shows each figure. It can be saved as SVG, PDF or PNG, and gives access to its matplotlib figure.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from rlbench.analysis import Results
from rlbench.analysis.metric_curves import metric_curves
from rlbench.api import RlbenchError, StoreError
from rlbench.api.sections import Figure, Part
from rlbench.api.series_styles import SeriesStyle
from rlbench.reports.aggregates_section import aggregate_figure, estimates_of
from rlbench.reports.curves_over_time import AGAINST, clock_figure
from rlbench.reports.diagnostics_section import metrics_figure
from rlbench.reports.improvement_section import improvements, matrix
from rlbench.reports.profile_figures import profile_figure
from rlbench.reports.sample_efficiency import efficiency_figure
from rlbench.reports.scores_section import curves_part, finals_figure
from rlbench.reports.svg_figures import PRINTED, Print, draw_with_legend, save, theme
from rlbench.reports.task_panels import Panel, panels


@dataclass(frozen=True)
class Plot:
    """A figure of a report. caption, method: the text below the figure. description: what it shows, in words."""

    _figure: Figure
    _styles: Mapping[str, SeriesStyle]

    @property
    def caption(self) -> str:
        return self._figure.caption

    @property
    def method(self) -> str:
        return self._figure.method

    @property
    def description(self) -> str:
        return self._figure.description

    def save(
        self,
        path: str | os.PathLike[str],
        width: float | None = None,
        font_size: float = 8.5,
        single_runs: bool = False,
    ) -> Path:
        """Write the figure; the suffix sets the format: .svg, .pdf or .png. width: in inches. font_size: in points.

        Raises: StoreError if the file cannot be written.
        """
        target = Path(path)
        try:
            save(self._figure, self._styles, target, printed=Print(width, font_size, single_runs))
        except (OSError, ValueError) as error:
            raise StoreError(f"{target}: cannot be written: {error}") from error
        return target

    def draw(self) -> Drawing:
        """Return the matplotlib figure, with its legend, for further changes."""
        with theme(PRINTED):
            return draw_with_legend(self._figure, self._styles)

    def _repr_svg_(self) -> str:
        buffer = io.StringIO()
        with theme(PRINTED):
            draw_with_legend(self._figure, self._styles).savefig(
                buffer, format="svg", facecolor="white", metadata={"Date": None}
            )
        return buffer.getvalue()

    def __repr__(self) -> str:
        return f"Plot: {self._figure.description}"


class Plots(tuple[Plot, ...]):
    """Several figures, shown one below the other in a notebook."""

    def _repr_html_(self) -> str:
        return "".join("<svg" + plot._repr_svg_().partition("<svg")[2] for plot in self)  # without the XML prologue


class Plotter:
    """The figures of one result folder. Methods with the argument `task` return the figures of all tasks by default."""

    def __init__(self, results: Results) -> None:
        self._results, self._styles = results, results.styles

    def curves(self, task: str | None = None, against: str = "steps") -> Plot | Plots:
        """Return learning curves: IQM over runs with its band. against: "steps", "cpu_seconds" or "wall_seconds".

        Raises: RlbenchError for an unknown task or abscissa, or if there are no evaluations.
        """
        if against == "steps":
            return self._by_task(task, lambda name: curves_part(self._results, name, "curves"))
        if against not in AGAINST:
            raise RlbenchError(f"unknown abscissa {against!r}; use one of steps, {', '.join(AGAINST)}")
        return self._by_task(task, lambda name: clock_figure(self._results, name, against, "curves"))

    def scores(self, task: str | None = None) -> Plot | Plots:
        """Plot the final score of every run, with IQM and interval."""
        return self._by_task(task, lambda name: finals_figure(self._results, name, "scores"))

    def metrics(self, *names: str, task: str | None = None) -> Plot | Plots:
        """Plot what learners logged while they trained: one panel for each metric, one figure for each task.

        names: the metrics to plot, by default all. Raises: RlbenchError for an unknown task or metric, or if nothing
        was logged.
        """
        curves = metric_curves(self._results.metrics())
        known = list(dict.fromkeys(name for by_name in curves.values() for name in by_name))
        if unknown := [name for name in names if name not in known]:
            raise RlbenchError(f"no run logged {unknown[0]!r}; logged are {', '.join(known) or 'no metrics'}")

        def figure(task: str) -> Figure | None:
            chosen = [name for name in names or known if name in curves.get(task, {})]
            return metrics_figure(task, curves[task], chosen, self._styles, "metrics") if chosen else None

        return self._by_task(task, figure)

    def aggregates(self) -> Plot | Plots:
        """Return IQM, median, mean and optimality gap over tasks, on normalised scores."""
        scores, styles = self._results.final_scores, self._styles
        return self._by_panel(lambda panel: aggregate_figure(panel, scores, estimates_of(panel, scores), styles))

    def profile(self) -> Plot | Plots:
        """Return performance profiles: the share of runs above each normalised score."""
        return self._by_panel(lambda panel: profile_figure(panel, self._results.final_scores, self._styles))

    def efficiency(self) -> Plot | Plots:
        """Plot the IQM of normalised scores against the fraction of each task's budget used."""
        return self._by_panel(lambda panel: efficiency_figure(panel, self._results))

    def improvement(self) -> Plot | Plots:
        """Return, for each pair, the probability that a run of one algorithm scores higher than a run of the other."""

        def figure(panel: Panel) -> Figure | None:
            pairs = improvements(panel, self._results.final_scores)
            return matrix(panel, pairs) if pairs else None

        return self._by_panel(figure, anchored=False)

    def _by_task(self, task: str | None, figure: Callable[[str], Part | None]) -> Plot | Plots:
        tasks = self._results.tasks
        if task is not None and task not in tasks:
            raise RlbenchError(f"{self._results.folder}: no task {task!r}; it has {', '.join(tasks)}")
        return self._as_plots([figure(name) for name in ([task] if task is not None else tasks)])

    def _by_panel(self, figure: Callable[[Panel], Figure | None], anchored: bool = True) -> Plot | Plots:
        return self._as_plots([figure(panel) for panel in panels(self._results.final_scores, anchored)])

    def _as_plots(self, parts: list[Part | None] | list[Figure | None]) -> Plot | Plots:
        plots = [Plot(part, self._styles) for part in parts if isinstance(part, Figure)]
        if not plots:
            raise RlbenchError(
                f"{self._results.folder}: nothing to draw: too few runs with a score, no evaluations, or no anchors"
            )
        return plots[0] if len(plots) == 1 else Plots(plots)
