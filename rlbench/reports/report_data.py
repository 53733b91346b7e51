"""What the sections of a page are made from: a result folder read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlbench.analysis import Anchors, Scores, anchors_of, scores_of
from rlbench.analysis.caveats import marks
from rlbench.analysis.learning_curves import Grid, grid_of
from rlbench.api import Run
from rlbench.reports.score_table import Cell, score_cells
from rlbench.reports.style import Look, looks
from rlbench.results import RunState, Store
from rlbench.results.results_index import Facts, read_facts
from rlbench.results.run_table import SCORED, run_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Readings:
    """A result folder, as sections are given it.

    suite: the contents of suite.json. runs: rlbench.results.run_table.run_table. asked: each run as it was planned, by key;
    states: of runs with a score, likewise;
    facts: what their tables say in short. cells: what each algorithm scores on each task. looks: how each algorithm is
    drawn, by label. place: the folder that the page is written to; None: the result folder itself. anchors: to be taken
    before the suite's own and the shipped ones.
    """

    store: Store
    suite: Mapping[str, Any]
    runs: pd.DataFrame
    asked: Mapping[str, Run]
    states: Mapping[str, RunState]
    facts: Mapping[str, Facts]
    cells: Sequence[Cell]
    looks: Mapping[str, Look]
    place: Path | None = None
    anchors: Mapping[str, Anchors] | None = None

    def of(self, rows: pd.DataFrame) -> list[Mapping[str, Any]]:
        """The contents of result.json of those runs that have one."""
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
        tasks = {key: run.task for key, run in self.asked.items()}
        anchors = anchors_of(self.suite["suite"], {task.env_id: task for task in tasks.values()}, self.anchors)
        return scores_of(self.runs, tasks, anchors, str(self.suite["suite"]["name"]), self.states)

    @cached_property
    def grids(self) -> Mapping[tuple[str, str], Grid]:
        """By environment and algorithm, of those with a published run."""
        found = {}
        for (environment, algorithm), rows in self.by_cell.items():
            # Not Series.isin: it would make an array of the keys of all runs, for every cell again.
            published = rows[[key in self.states for key in rows["key"]]]
            if len(published):
                found[environment, algorithm] = grid_of(published, self.facts, self.states)
        return found


def read(store: Store, place: Path | None = None, anchors: Mapping[str, Anchors] | None = None) -> Readings:
    """place, anchors: as Readings has them. Raises: StoreError if this is no result folder, or a newer version's."""
    planned = store.runs()
    states = store.states(planned)
    facts = read_facts(store, planned, states)
    suite, runs = store.suite(), run_table(store, anchors, planned, (states, facts))
    asked = {str(run.key): run for run in planned}
    scored = runs.loc[runs["status"].isin(SCORED), "key"]
    listed = [str(a.get("label") or a["id"]) for a in suite["suite"].get("algorithms", [])]
    return Readings(
        store,
        suite,
        runs,
        asked,
        {key: states[key] for key in scored if states[key].result},
        facts,
        score_cells(runs, marks(store, runs, states)),
        looks([*listed, *runs["algorithm"]]),
        place,
        anchors,
    )


def rows_of(readings: Readings, cell: Cell) -> pd.DataFrame:
    """The cell's rows of `readings.runs`, those without a score among them."""
    return readings.by_cell.get((cell.environment, cell.algorithm), readings.runs.iloc[:0])
