"""What the sections of a page are made from: a result folder read once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rlbench.api import Run, RunStatus
from rlbench.comparison import Anchors, Scores, anchors_of, scores_of
from rlbench.comparison.marks import marks
from rlbench.reports.scores import Cell, score_cells
from rlbench.reports.style import Look, looks
from rlbench.results import RunState, Store
from rlbench.results.index import Facts, read_facts
from rlbench.results.tables import SCORED, run_table

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Evaluations during training, of the published runs of one algorithm on one task.

    steps [T]: points of the grid, ascending. returns [R, T]: each run's evaluation, NaN where it has none. counted
    [R, T]: the same with what a diverged run counts with after its last one. seconds [R, T]: the run's training clock then.
    cpu [R, T]: the same share of the run's processor time, NaN where that is not known. diverged [R]. keys: of the runs.
    """

    algorithm: str
    environment: str
    steps: Numbers
    returns: Numbers
    counted: Numbers
    seconds: Numbers
    cpu: Numbers
    diverged: NDArray[np.bool_]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Readings:
    """A result folder, as sections are given it.

    suite: the contents of suite.json. runs: rlbench.results.tables.run_table. asked: each run as it was planned, by key;
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
        return scores_of(self.runs, tasks, anchors, str(self.suite["suite"]["name"]))

    @cached_property
    def grids(self) -> Mapping[tuple[str, str], Grid]:
        """By environment and algorithm, of those with a published run."""
        found = {}
        for (environment, algorithm), rows in self.by_cell.items():
            # Not Series.isin: it would make an array of the keys of all runs, for every cell again.
            published = rows[[key in self.states for key in rows["key"]]]
            if len(published):
                found[environment, algorithm] = _grid(self, published)
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
        score_cells(runs, marks(store, runs)),
        looks([*listed, *runs["algorithm"]]),
        place,
        anchors,
    )


def rows_of(readings: Readings, cell: Cell) -> pd.DataFrame:
    """The cell's rows of `readings.runs`, those without a score among them."""
    return readings.by_cell.get((cell.environment, cell.algorithm), readings.runs.iloc[:0])


def _grid(readings: Readings, published: pd.DataFrame) -> Grid:
    known = [readings.facts[key] for key in published["key"]]
    evaluations = [(own.steps.astype(float), own.returns, own.wall_seconds) for own in known]
    steps = np.unique(np.concatenate([np.zeros(0), *(own for own, _, _ in evaluations)]))
    returns, seconds = np.full((2, len(evaluations), len(steps)), np.nan)
    for row, (own, values, clock) in enumerate(evaluations):
        at = np.searchsorted(steps, own)
        returns[row, at], seconds[row, at] = values, clock
    counted, diverged = returns.copy(), (published["status"] == RunStatus.DIVERGED).to_numpy(bool)
    for row in np.flatnonzero(diverged).tolist():  # leaving it out from there on would flatter those that are left
        last = max(evaluations[row][0], default=-1.0)
        counted[row, steps > last] = published["score"].iloc[row]
    spent = np.array([_cpu_share(readings.states[key].result) for key in published["key"]])
    names = (str(published["algorithm"].iloc[0]), str(published["environment"].iloc[0]))
    cpu = seconds * spent[:, None]
    return Grid(*names, steps, returns, counted, seconds, cpu, diverged, tuple(published["key"]))


def _cpu_share(result: Mapping[str, Any]) -> float:
    """Processor seconds of the run for each second of its training clock."""
    wall, cpu = result.get("wall_seconds"), result.get("cpu_seconds")
    return cpu / wall if wall and cpu is not None and math.isfinite(wall) else math.nan
