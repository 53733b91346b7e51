"""What the sections of a page are made from: a result folder read once, and the tables they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rlbench.api import Run
from rlbench.comparison.marks import marks
from rlbench.reports.scores import Cell, score_cells
from rlbench.reports.style import Look, looks
from rlbench.results import RunState, Store
from rlbench.results.tables import SCORED, run_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """Rows under titles, all as text. numbers: columns set to the right. marked: the first column names algorithms."""

    header: tuple[str, ...]
    groups: Sequence[tuple[str, Sequence[tuple[str, ...]]]]
    numbers: tuple[int, ...] = ()
    marked: bool = False


@dataclass(frozen=True)
class Readings:
    """What the page is made from. runs: rlbench.results.tables.run_table; asked: by key; states: of runs with a score."""

    store: Store
    suite: Mapping[str, Any]
    runs: pd.DataFrame
    asked: Mapping[str, Run]
    states: Mapping[str, RunState]
    cells: Sequence[Cell]
    looks: Mapping[str, Look]

    def of(self, rows: pd.DataFrame) -> list[Mapping[str, Any]]:
        """The contents of result.json of those runs that have one."""
        return [self.states[key].result for key in rows["key"] if key in self.states]


def read(store: Store) -> Readings:
    suite, runs = store.suite(), run_table(store)
    asked = {str(run.key): run for run in store.runs()}
    states = store.states(list(asked.values()))
    scored = runs.loc[runs["status"].isin(SCORED), "key"]
    listed = [str(a.get("label") or a["id"]) for a in suite["suite"].get("algorithms", [])]
    return Readings(
        store,
        suite,
        runs,
        asked,
        {key: states[key] for key in scored if states[key].result},
        score_cells(runs, marks(store, runs)),
        looks([*listed, *runs["algorithm"]]),
    )


def rows_of(readings: Readings, cell: Cell) -> pd.DataFrame:
    runs = readings.runs
    return runs[(runs["environment"] == cell.environment) & (runs["algorithm"] == cell.algorithm)]
