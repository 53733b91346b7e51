"""What each algorithm scores on each task: one table of all, and for each task the curves and the final scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlbench.analysis import FEWEST_FOR_VERDICT
from rlbench.api import EvaluationProtocol, RunStatus
from rlbench.api.sections import Figure, Folded, Heading, Paragraph, Part, Section, Table
from rlbench.reports.curve_figures import MOST_SINGLE_RUNS, learning_curves, single_runs
from rlbench.reports.final_score_figures import Finals, final_scores
from rlbench.reports.report_data import Readings, rows_of
from rlbench.reports.score_table import Cell
from rlbench.reports.style import digits_for, interval, number
from rlbench.results.random_policy import is_random

if TYPE_CHECKING:
    import pandas as pd

_HOW = (
    "A run’s score is the mean return of its final policy. IQM: interquartile mean over runs, the mean of what is left when"
    " the ⌊n/4⌋ lowest and the ⌊n/4⌋ highest of n scores are cut off. Interval: percentile bootstrap over runs, 10,000"
    " resamples (fewer of more than 400 runs), from 3 runs on. n: runs that have a score, of those planned; the others are named below and enter no number."
    " Under 5 runs a row is descriptive only. A diverged run counts with its last finite evaluation, or with the task’s"
    " lower anchor (the mean of random where there is none) where that is lower or there is none."
)
_TRAINING = "Training: IQM of the mean return of the last 100 training episodes, while exploring."
_CHANCE = "“Not better than random”: the interval overlaps that of random on the same task, or lies below it."
_NO_CHANCE = "No finished run of random is here, so nothing says which scores are better than chance."


def chance_cells(readings: Readings) -> dict[str, Cell]:
    """The random policy's cell on each task that has one; of several the first that was metered."""
    own = set(readings.runs.loc[readings.runs["id"].map(is_random), "algorithm"])
    told = set(readings.scores.self_reported)
    found: dict[str, Cell] = {}
    for cell in sorted(readings.cells, key=lambda cell: cell.algorithm in told):
        if cell.algorithm in own and cell.n_valid:
            found.setdefault(cell.environment, cell)
    return found


def section(readings: Readings) -> Section | None:
    if not readings.cells:
        return None
    note = f"{_HOW} {_CHANCE if chance_cells(readings) else _NO_CHANCE}"
    if len(readings.tasks) == 1:
        return Section([summary(readings, f"{note} {_TRAINING}")])
    return Section(
        [
            matrix(readings, note),
            Folded("The same, task by task, with training returns", [summary(readings, _TRAINING)]),
        ]
    )


def matrix(readings: Readings, note: str) -> Table:
    """Algorithms by tasks: IQM, interval and n, and what sets a cell apart."""
    chance = chance_cells(readings)
    cells = {(cell.algorithm, cell.environment): cell for cell in readings.cells}
    rows = []
    for algorithm in dict.fromkeys(cell.algorithm for cell in readings.cells):
        row = [algorithm]
        for task in readings.tasks:
            cell = cells.get((algorithm, task))
            digits = _digits(readings, task)
            row.append("" if cell is None else _in_one(cell, digits, _notes(cell, chance.get(task), readings)))
        rows.append(tuple(row))
    columns = tuple(range(1, len(readings.tasks) + 1))
    return Table("scores", "Scores", ("algorithm", *readings.tasks), [("", rows)], columns, True, note)


def _in_one(cell: Cell, digits: int, notes: list[str]) -> str:
    bounds = f"{interval(cell.low, cell.high, digits)} · " if cell.low is not None else ""
    return "\n".join([number(cell.iqm, digits), f"{bounds}n = {cell.n_valid}/{cell.n}", *notes])


def _digits(readings: Readings, task: str) -> int:
    """Decimals that suit all numbers of a task."""
    cells = [cell for cell in readings.cells if cell.environment == task]
    return digits_for([v for c in cells for v in (c.iqm, c.low, c.high, c.training_return)])


def summary(readings: Readings, note: str) -> Table:
    chance = chance_cells(readings)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in readings.cells:
        digits = _digits(readings, cell.environment)
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
    return Table("scores-by-task", "Scores by task", header, list(groups.items()), (1, 2, 3, 4), True, note)


def _notes(cell: Cell, chance: Cell | None, readings: Readings) -> list[str]:
    rows = rows_of(readings, cell)
    notes = [cell.note] if cell.note else []
    if chance is not None and chance.high is not None and cell.low is not None and not rows["id"].map(is_random).any():
        notes += ["not better than random"] if cell.low <= chance.high else []
    if 0 < cell.n_valid < FEWEST_FOR_VERDICT:
        notes.append("descriptive only")
    results = readings.of(rows)
    if not all(result.get("reproducible", True) for result in results):
        notes.append("not reproducible bit for bit")
    return notes


def curves_section(readings: Readings) -> Section | None:
    """For each task its learning curves and the final score of every run."""
    singles = single_runs(list(readings.grids.values()))
    parts: list[Part] = []
    for i, task in enumerate(readings.tasks):
        parts += [Heading(task, f"task-{i + 1}"), *_pictures(readings, task, i + 1, singles)]
    return Section(parts) if parts else None


def _pictures(readings: Readings, task: str, place: int, singles: int) -> list[Part]:
    if not any(cell.n_valid for cell in readings.cells if cell.environment == task):
        return [Paragraph("No run on this task is finished yet.", quiet=True)]
    curves = curves_part(readings, task, f"curves-{place}", singles)
    return [curves, finals_figure(readings, task, f"finals-{place}")]


def curves_part(readings: Readings, task: str, name: str, singles: int = MOST_SINGLE_RUNS) -> Part:
    """The learning curves of a task, or why there are none."""
    grids = [grid for grid in readings.grids.values() if grid.environment == task]
    return learning_curves(grids, task, _protocol(readings, task), readings.looks, name, singles)


def _protocol(readings: Readings, task: str) -> EvaluationProtocol:
    return next(run.task.evaluation for run in readings.asked.values() if run.task.env_id == task)


def finals_figure(readings: Readings, task: str, name: str) -> Figure:
    """The final scores of a task's runs, in its returns. task: one of readings.tasks; name: of the figure's files."""
    cells = [cell for cell in readings.cells if cell.environment == task]
    protocol = _protocol(readings, task)
    finals = {cell.algorithm: _finals(rows_of(readings, cell), cell) for cell in cells}
    chance = chance_cells(readings).get(task)
    shaded = finals[chance.algorithm] if chance else None
    return final_scores(list(finals.values()), shaded, task, protocol, readings.looks, name)


def _finals(rows: pd.DataFrame, cell: Cell) -> Finals:
    scored = rows[rows["score"].notna()]
    diverged = (scored["status"] == RunStatus.DIVERGED).to_numpy(bool)
    return Finals(cell.algorithm, cell.n, scored["score"].to_numpy(float), diverged, cell.iqm, cell.low, cell.high)
