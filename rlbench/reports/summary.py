"""Scores on each task: the summary with its intervals, and the figures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rlbench.api import RunStatus
from rlbench.comparison import FEWEST_FOR_VERDICT, seeded
from rlbench.reports.curves import Curve, Finals, Picture, final_scores, learning_curves
from rlbench.reports.readings import Readings, Table, rows_of
from rlbench.reports.scores import Cell
from rlbench.reports.style import digits_for, interval, number
from rlbench.results.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


def chance_cells(readings: Readings) -> dict[str, Cell]:
    """The random policy's cell on each task that has one."""
    own = set(readings.runs.loc[readings.runs["id"] == "random", "algorithm"])
    return {cell.environment: cell for cell in reversed(readings.cells) if cell.algorithm in own and cell.n_valid}


def summary(readings: Readings) -> Table:
    chance = chance_cells(readings)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in readings.cells:
        same_task = [c for c in readings.cells if c.environment == cell.environment]
        digits = digits_for([v for c in same_task for v in (c.iqm, c.low, c.high, c.training_return)])
        groups.setdefault(cell.environment, []).append(
            (
                cell.algorithm,
                number(cell.iqm, digits),
                interval(cell.low, cell.high, digits),
                f"{cell.n_valid}/{cell.n}",
                number(cell.training_return, digits),
                "; ".join(_notes(cell, chance.get(cell.environment), readings)),
            )
        )
    header = ("algorithm", "IQM", "95 % interval", "n", "training", "note")
    return Table(header, list(groups.items()), numbers=(1, 2, 3, 4), marked=True)


def _notes(cell: Cell, chance: Cell | None, readings: Readings) -> list[str]:
    rows = rows_of(readings, cell)
    notes = [cell.note] if cell.note else []
    if chance is not None and chance.high is not None and cell.low is not None and (rows["id"] != "random").all():
        notes += ["not better than random"] if cell.low <= chance.high else []
    if 0 < cell.n_valid < FEWEST_FOR_VERDICT:
        notes.append("descriptive only")
    results = readings.of(rows)
    if any(result.get("metering", "boundary") != "boundary" for result in results):
        notes.append("steps are self-reported")
    if not all(result.get("reproducible", True) for result in results):
        notes.append("not reproducible bit for bit")
    return notes


def pictures(readings: Readings, task: str, name: str) -> list[Picture]:
    """The figures of a task. name: unlike that of the other tasks."""
    cells = [cell for cell in readings.cells if cell.environment == task]
    if not any(cell.n_valid for cell in cells):
        return [Picture(None, "No run on this task is finished yet.")]
    protocol = readings.asked[rows_of(readings, cells[0])["key"].iloc[0]].task.evaluation
    curves = [_curve(readings, rows_of(readings, cell), cell.algorithm) for cell in cells if cell.n_valid]
    finals = {cell.algorithm: _finals(rows_of(readings, cell), cell) for cell in cells}
    chance = chance_cells(readings).get(task)
    return [
        learning_curves(curves, task, protocol, readings.looks, f"{name}c"),
        final_scores(
            list(finals.values()),
            finals[chance.algorithm] if chance else None,
            task,
            protocol,
            readings.looks,
            f"{name}f",
        ),
    ]


def _curve(readings: Readings, rows: pd.DataFrame, algorithm: str) -> Curve:
    """The evaluations on the grid of all published runs of a cell."""
    published = rows[rows["key"].isin(list(readings.states))]
    grids = []
    for key in published["key"]:
        folder, state = readings.store.folder(readings.asked[key]), readings.states[key]
        table = read_table(folder, "evaluations", state, ["kind", "nominal_step", "return_mean"])
        rows_of = zip(table["kind"].tolist(), table["nominal_step"].tolist(), table["return_mean"].tolist())
        grids.append({step: value for kind, step, value in rows_of if kind == "grid" and math.isfinite(value)})
    steps = sorted({step for grid in grids for step in grid})
    returns = np.array([[grid.get(step, np.nan) for step in steps] for grid in grids], float)
    counted, diverged = returns.copy(), (published["status"] == RunStatus.DIVERGED).to_numpy(bool)
    for row in np.flatnonzero(diverged):  # leaving it out from there on would flatter those that are left
        counted[row, np.array(steps) > max(grids[row], default=-1)] = published["score"].iloc[row]
    return Curve(algorithm, np.array(steps, float), returns, counted, diverged, seeded(published["key"]))


def _finals(rows: pd.DataFrame, cell: Cell) -> Finals:
    scored = rows[rows["score"].notna()]
    diverged = (scored["status"] == RunStatus.DIVERGED).to_numpy(bool)
    return Finals(cell.algorithm, cell.n, scored["score"].to_numpy(float), diverged, cell.iqm, cell.low, cell.high)
