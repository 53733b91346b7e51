"""Data for the sections of a page: a result folder, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlbench.analysis import Anchors, Scores, anchors_of, scores_of
from rlbench.analysis.caveats import caveats_of
from rlbench.analysis.learning_curves import LearningCurves, curves_of
from rlbench.api import Run
from rlbench.reports.score_cells import Cell, score_cells
from rlbench.reports.style import SeriesStyle, series_styles
from rlbench.results import RunState, Store
from rlbench.results.results_index import RunFacts, read_facts
from rlbench.results.run_table import SCORED, run_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReportData:
    """A result folder, as passed to sections.

    suite: contents of suite.json. runs: rlbench.results.run_table.run_table. planned: each run of the suite, by key.
    states: of runs with a score, by key. facts: summaries of their tables. cells: the score of each algorithm on each
    task. styles: how each algorithm is drawn, by label. place: the folder that the page is written to; None for the
    result folder itself. anchors: take precedence over the suite's own and the shipped ones.
    """

    store: Store
    suite: Mapping[str, Any]
    runs: pd.DataFrame
    planned: Mapping[str, Run]
    states: Mapping[str, RunState]
    facts: Mapping[str, RunFacts]
    cells: Sequence[Cell]
    styles: Mapping[str, SeriesStyle]
    place: Path | None = None
    anchors: Mapping[str, Anchors] | None = None

    def of(self, rows: pd.DataFrame) -> list[Mapping[str, Any]]:
        """Return the contents of result.json of those runs that have one."""
        return [self.states[key].result for key in rows["key"] if key in self.states]

    @property
    def tasks(self) -> list[str]:
        """Environments, in the suite's order."""
        return list(dict.fromkeys(cell.environment for cell in self.cells))

    @cached_property
    def by_cell(self) -> Mapping[tuple[str, str], pd.DataFrame]:
        """The rows of `runs` by environment and algorithm."""
        groups = self.runs.groupby(["environment", "algorithm"], sort=False)
        return {(str(environment), str(algorithm)): rows for (environment, algorithm), rows in groups}

    @cached_property
    def scores(self) -> Scores:
        """Final scores as arrays, raw and between anchors."""
        tasks = {key: run.task for key, run in self.planned.items()}
        anchors = anchors_of(self.suite["suite"], {task.env_id: task for task in tasks.values()}, self.anchors)
        return scores_of(self.runs, tasks, anchors, str(self.suite["suite"]["name"]), self.states)

    @cached_property
    def curves(self) -> Mapping[tuple[str, str], LearningCurves]:
        """Learning curves by environment and algorithm, for pairs with a published run."""
        curves = {}
        for (environment, algorithm), rows in self.by_cell.items():
            # Not Series.isin, which would build an array of the keys of all runs for every cell.
            published = rows[[key in self.states for key in rows["key"]]]
            if len(published):
                curves[environment, algorithm] = curves_of(published, self.facts, self.states)
        return curves


def read_report_data(
    store: Store, place: Path | None = None, anchors: Mapping[str, Anchors] | None = None
) -> ReportData:
    """Read a result folder. place, anchors: as in ReportData.

    Raises: StoreError if this is not a result folder, or a newer version's.
    """
    requested = store.runs()
    states = store.states(requested)
    facts = read_facts(store, requested, states)
    suite, runs = store.suite(), run_table(store, anchors, requested, (states, facts))
    planned = {str(run.key): run for run in requested}
    scored = runs.loc[runs["status"].isin(SCORED), "key"]
    listed = [str(a.get("label") or a["id"]) for a in suite["suite"].get("algorithms", [])]
    return ReportData(
        store,
        suite,
        runs,
        planned,
        {key: states[key] for key in scored if states[key].result},
        facts,
        score_cells(runs, caveats_of(store, runs, states)),
        series_styles([*listed, *runs["algorithm"]]),
        place,
        anchors,
    )


def rows_of(data: ReportData, cell: Cell) -> pd.DataFrame:
    """Return the cell's rows of `data.runs`, including those without a score."""
    return data.by_cell.get((cell.environment, cell.algorithm), data.runs.iloc[:0])
