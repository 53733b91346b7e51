"""Sections on scores and learning curves: one table of all scores, and for each task its curves and final scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlbench.analysis import FEWEST_FOR_VERDICT, Results
from rlbench.analysis.score_cells import Cell
from rlbench.api import EvaluationProtocol, RunStatus
from rlbench.api.sections import Figure, Folded, Heading, Paragraph, Part, Section, Table
from rlbench.reports.curve_figures import MOST_SINGLE_RUNS, learning_curves, single_runs
from rlbench.reports.final_score_figures import FinalScores, final_scores_figure
from rlbench.results.random_policy import is_random
from rlbench.text import digits_for, interval, number

if TYPE_CHECKING:
    import pandas as pd

_HOW = (
    "A run’s score is the mean return of its final policy. IQM: interquartile mean over runs, the mean of n scores"
    " without the ⌊n/4⌋ lowest and the ⌊n/4⌋ highest. Interval: percentile bootstrap over at least 3 runs, 10,000"
    " resamples (fewer for more than 400 runs). n: runs with a score, of those planned; runs without a score are"
    " named below and are not included in any number. With fewer than 5 runs a row is descriptive only. A diverged"
    " run counts with the lower of its last finite evaluation and the task’s lower anchor (the mean of random if the"
    " task has none), or with the latter if it has no finite evaluation."
)
_TRAINING = "Training: IQM of the mean return of the last 100 training episodes, while exploring."
_CHANCE = "“Not shown to be better than random”: the interval overlaps that of random on the same task, or is below it."
_NO_CHANCE = "There is no finished run of random, so it is not shown which scores are better than chance."


def chance_cells(results: Results) -> dict[str, Cell]:
    """Return the random policy's cell on each task that has one, preferring metered runs if there are several."""
    random_labels = set(results.table.loc[results.table["id"].map(is_random), "algorithm"])
    self_reported = set(results.final_scores.self_reported)
    cells: dict[str, Cell] = {}
    for cell in sorted(results.cells, key=lambda cell: cell.algorithm in self_reported):
        if cell.algorithm in random_labels and cell.n_valid:
            cells.setdefault(cell.environment, cell)
    return cells


def section(results: Results) -> Section | None:
    if not results.cells:
        return None
    note = f"{_HOW} {_CHANCE if chance_cells(results) else _NO_CHANCE}"
    if len(results.tasks) == 1:
        return Section([summary(results, f"{note} {_TRAINING}")])
    return Section(
        [
            matrix(results, note),
            Folded("By task, with training returns", [summary(results, _TRAINING)]),
        ]
    )


def matrix(results: Results, note: str) -> Table:
    """Return the table of algorithms by tasks: IQM, interval, n and notes."""
    chance = chance_cells(results)
    cells = {(cell.algorithm, cell.environment): cell for cell in results.cells}
    rows = []
    for algorithm in dict.fromkeys(cell.algorithm for cell in results.cells):
        row = [algorithm]
        for task in results.tasks:
            cell = cells.get((algorithm, task))
            digits = _digits(results, task)
            row.append("" if cell is None else _in_one(cell, digits, _notes(cell, chance.get(task), results)))
        rows.append(tuple(row))
    columns = tuple(range(1, len(results.tasks) + 1))
    return Table("scores", "Scores", ("algorithm", *results.tasks), [("", rows)], columns, True, note)


def _in_one(cell: Cell, digits: int, notes: list[str]) -> str:
    bounds = f"{interval(cell.low, cell.high, digits)} · " if cell.low is not None else ""
    return "\n".join([number(cell.iqm, digits), f"{bounds}n = {cell.n_valid}/{cell.n}", *notes])


def _digits(results: Results, task: str) -> int:
    """Return the number of decimals for all numbers of a task."""
    cells = [cell for cell in results.cells if cell.environment == task]
    return digits_for([v for c in cells for v in (c.iqm, c.low, c.high, c.training_return)])


def summary(results: Results, note: str) -> Table:
    """Return the table by task: IQM, interval, n, training return and notes."""
    chance = chance_cells(results)
    groups: dict[str, list[tuple[str, ...]]] = {}
    for cell in results.cells:
        digits = _digits(results, cell.environment)
        groups.setdefault(cell.environment, []).append(
            (
                cell.algorithm,
                number(cell.iqm, digits),
                interval(cell.low, cell.high, digits),
                f"{cell.n_valid}/{cell.n}",
                number(cell.training_return, digits),
                "; ".join(_notes(cell, chance.get(cell.environment), results)),
            )
        )
    header = ("algorithm", "IQM", "95 % interval", "n", "training", "note")
    return Table("scores-by-task", "Scores by task", header, list(groups.items()), (1, 2, 3, 4), True, note)


def _notes(cell: Cell, chance: Cell | None, results: Results) -> list[str]:
    rows = results.rows_of(cell)
    notes = [cell.note] if cell.note else []
    if chance is not None and chance.high is not None and cell.low is not None and not rows["id"].map(is_random).any():
        notes += ["not shown to be better than random"] if cell.low <= chance.high else []
    if 0 < cell.n_valid < FEWEST_FOR_VERDICT:
        notes.append("descriptive only")
    if not all(result.get("reproducible", True) for result in results.results_of(rows)):
        notes.append("not reproducible bit for bit")
    return notes


def curves_section(results: Results) -> Section | None:
    """Return for each task its learning curves and the final score of every run."""
    singles = single_runs(list(results.learning_curves.values()))
    parts: list[Part] = []
    for i, task in enumerate(results.tasks):
        parts += [Heading(task, f"task-{i + 1}"), *_pictures(results, task, i + 1, singles)]
    return Section(parts) if parts else None


def _pictures(results: Results, task: str, place: int, singles: int) -> list[Part]:
    if not any(cell.n_valid for cell in results.cells if cell.environment == task):
        return [Paragraph("No run on this task is finished yet.", quiet=True)]
    curves = curves_part(results, task, f"curves-{place}", singles)
    return [curves, finals_figure(results, task, f"finals-{place}")]


def curves_part(results: Results, task: str, name: str, singles: int = MOST_SINGLE_RUNS) -> Part:
    """Return the learning curves of a task, or why there are none."""
    curves = [grid for grid in results.learning_curves.values() if grid.environment == task]
    return learning_curves(curves, task, _protocol(results, task), results.styles, name, singles)


def _protocol(results: Results, task: str) -> EvaluationProtocol:
    return next(run.task.evaluation for run in results.run_by_key.values() if run.task.name == task)


def finals_figure(results: Results, task: str, name: str) -> Figure:
    """Draw the final scores of a task's runs, in its returns.

    task: one of results.tasks. name: of the figure's files.
    """
    cells = [cell for cell in results.cells if cell.environment == task]
    protocol = _protocol(results, task)
    finals = {cell.algorithm: _finals(results.rows_of(cell), cell) for cell in cells}
    chance = chance_cells(results).get(task)
    shaded = finals[chance.algorithm] if chance else None
    return final_scores_figure(list(finals.values()), shaded, task, protocol, results.styles, name)


def _finals(rows: pd.DataFrame, cell: Cell) -> FinalScores:
    scored = rows[rows["score"].notna()]
    diverged = (scored["status"] == RunStatus.DIVERGED).to_numpy(bool)
    return FinalScores(cell.algorithm, cell.n, scored["score"].to_numpy(float), diverged, cell.iqm, cell.low, cell.high)
