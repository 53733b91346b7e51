"""The report's figures for notebooks and papers: `rlbench.load("results/mine").plot.curves("CartPole-v1")`.

Each is a value that a notebook shows, that can be saved as SVG, PDF or PNG, and whose matplotlib figure can be had.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from matplotlib.figure import Figure as Drawing

from rlbench.analysis import Anchors
from rlbench.api import RlbenchError, StoreError
from rlbench.api.sections import Figure, Part
from rlbench.reports.aggregates_section import aggregate_figure, estimates_of
from rlbench.reports.curves_over_time import AGAINST, clock_figure
from rlbench.reports.improvement_section import improvements, matrix
from rlbench.reports.profile_figures import profiles
from rlbench.reports.report_data import Readings, read
from rlbench.reports.sample_efficiency import efficiency
from rlbench.reports.scores_section import curves_part, finals_figure
from rlbench.reports.style import Look
from rlbench.reports.svg_figures import PRINTED, printed, save, themed
from rlbench.reports.task_panels import Panel, panels
from rlbench.results import Store


@dataclass(frozen=True)
class Plot:
    """A figure of a report. caption and method are what the report says below it, description what it shows in words."""

    _figure: Figure
    _looks: Mapping[str, Look]

    @property
    def caption(self) -> str:
        return self._figure.caption

    @property
    def method(self) -> str:
        return self._figure.method

    @property
    def description(self) -> str:
        return self._figure.description

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it; the ending says how: .svg, .pdf or .png. Raises: StoreError where it cannot be written."""
        target = Path(path)
        try:
            save(self._figure, self._looks, target)
        except (OSError, ValueError) as error:
            raise StoreError(f"{target}: cannot be written: {error}") from error
        return target

    def draw(self) -> Drawing:
        """The matplotlib figure, with its legend, to be changed at will."""
        with themed(PRINTED):
            return printed(self._figure, self._looks)

    def _repr_svg_(self) -> str:
        buffer = io.StringIO()
        with themed(PRINTED):
            printed(self._figure, self._looks).savefig(buffer, format="svg", facecolor="white", metadata={"Date": None})
        return buffer.getvalue()

    def __repr__(self) -> str:
        return f"Plot: {self._figure.description}"


class Plots(tuple[Plot, ...]):
    """Several figures, which a notebook shows one below the other."""

    def _repr_html_(self) -> str:
        return "".join("<svg" + plot._repr_svg_().partition("<svg")[2] for plot in self)  # without the XML prologue


class Plotter:
    """The figures of one result folder. Where a task may be left out, those of all tasks are given."""

    def __init__(self, folder: Path, anchors: Mapping[str, Anchors] | None = None) -> None:
        self._folder, self._anchors = folder, anchors

    @cached_property
    def _readings(self) -> Readings:
        return read(Store(self._folder), anchors=self._anchors)

    def curves(self, task: str | None = None, against: str = "steps") -> Plot | Plots:
        """Evaluations during training: IQM over runs with its band. against: steps, cpu_seconds or wall_seconds.

        Raises: RlbenchError for a task or an abscissa that is none, or where there are no evaluations.
        """
        if against == "steps":
            return self._by_task(task, lambda name: curves_part(self._readings, name, "curves"))
        if against not in AGAINST:
            raise RlbenchError(f"curves against {against!r}: it is one of steps, {', '.join(AGAINST)}")
        return self._by_task(task, lambda name: clock_figure(self._readings, name, against, "curves"))

    def scores(self, task: str | None = None) -> Plot | Plots:
        """The final score of every run, with IQM and interval."""
        return self._by_task(task, lambda name: finals_figure(self._readings, name, "scores"))

    def aggregates(self) -> Plot | Plots:
        """IQM, median, mean and optimality gap over tasks, on normalised scores."""
        scores, looks = self._readings.scores, self._readings.looks
        return self._by_panel(lambda panel: aggregate_figure(panel, scores, estimates_of(panel, scores), looks))

    def profile(self) -> Plot | Plots:
        """Performance profiles: the share of runs above each normalised score."""
        return self._by_panel(lambda panel: profiles(panel, self._readings.scores, self._readings.looks))

    def efficiency(self) -> Plot | Plots:
        """The IQM of normalised evaluations at equal shares of the budget."""
        return self._by_panel(lambda panel: efficiency(panel, self._readings))

    def improvement(self) -> Plot | Plots:
        """The probability that a run of one algorithm scores higher than a run of another, for each pair."""

        def figure(panel: Panel) -> Figure | None:
            pairs = improvements(panel, self._readings.scores)
            return matrix(panel, pairs) if pairs else None

        return self._by_panel(figure, anchored=False)

    def _by_task(self, task: str | None, figure: Callable[[str], Part | None]) -> Plot | Plots:
        known = self._readings.tasks
        if task is not None and task not in known:
            raise RlbenchError(f"{self._folder}: no task {task!r}; it has {', '.join(known)}")
        return self._shown([figure(name) for name in ([task] if task is not None else known)])

    def _by_panel(self, figure: Callable[[Panel], Figure | None], anchored: bool = True) -> Plot | Plots:
        return self._shown([figure(panel) for panel in panels(self._readings.scores, anchored)])

    def _shown(self, parts: list[Part | None] | list[Figure | None]) -> Plot | Plots:
        found = [Plot(part, self._readings.looks) for part in parts if isinstance(part, Figure)]
        if not found:
            raise RlbenchError(
                f"{self._folder}: there is nothing to draw: too few runs with a score, no evaluations, or no anchors"
            )
        return found[0] if len(found) == 1 else Plots(found)
