"""Sections on scores and learning curves: one table of all scores, and for each task its curves and final scores."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rlbench.analysis import FEWEST_FOR_VERDICT, Results
from rlbench.analysis.score_cells import Cell
from rlbench.analysis.tuning_budgets import budget_text
from rlbench.api import EvaluationProtocol, RunStatus
from rlbench.api.sections import Beside, Figure, Folded, Paragraph, Part, Section, Table
from rlbench.reports.curve_figures import MOST_SINGLE_RUNS, learning_curves, single_runs
from rlbench.reports.final_score_figures import FinalScores, final_scores_figure
from rlbench.reports.orderings import orderings
from rlbench.reports.style import MOST_OPEN, Letters, file_names
from rlbench.results.random_policy import is_random
from rlbench.text import digits_for, interval, join_names, number

if TYPE_CHECKING:
    import pandas as pd

_HOW = (
    "A run’s score is the mean return of its final policy. IQM: interquartile mean over runs, the mean of n scores"
    " without the ⌊n/4⌋ lowest and the ⌊n/4⌋ highest. Interval: percentile bootstrap over at least 3 runs, 10,000"
    " resamples (fewer for more than 400 runs). n: runs with a score, of the planned runs; runs without a score are"
    " named below and are not included in any number. With fewer than 5 runs a row is descriptive only. A diverged"
    " run counts with its last finite evaluation, or with the task’s lower anchor if that is lower or if there is no"
    " finite evaluation. If the task has no anchors, the mean of random takes the anchor’s place."
)
_BOLD = (
    "Bold, on each task: the highest IQM, and every IQM that it is not shown to be better than (by the verdicts above)."
    " If it is not shown to be better than any other, nothing is bold."
)
_RETURN = "return"
_TRAINING = "Training: IQM of the mean return of the last 100 training episodes, while exploring."
_CHANCE = "“Not shown to be better than random”: the interval overlaps that of random on the same task, or is below it."
_NO_CHANCE = "There is no finished run of random, so it is not shown which scores are better than chance."


def chance_cells(results: Results) -> dict[str, Cell]:
    """Return the cell of the random policy on each task that has one.

    If a task has several such cells, choose one with metered runs.
    """
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
    figures = [
        finals_figure(results, task, f"scores-{file_name}")
        for task, file_name in file_names(results.tasks).items()
        if _scored(results, task)
    ]
    details = Folded("By task, with training returns", [summary(results, _TRAINING)])
    if len(figures) > MOST_OPEN:
        return Section([matrix(results, note), Folded("Every run’s score, by task", figures), details])
    table = matrix(results, note)
    return Section([Beside([table], figures) if figures else table, details])


def _scored(results: Results, task: str) -> bool:
    return any(cell.n_valid for cell in results.cells if cell.environment == task)


def matrix(results: Results, note: str) -> Table:
    """Return the table of algorithms by tasks: IQM, interval, n where it is not the usual n, and marks for notes."""
    chance = chance_cells(results)
    cells = {(cell.algorithm, cell.environment): cell for cell in results.cells}
    usual = Counter((cell.n_valid, cell.n) for cell in results.cells).most_common(1)[0][0]
    names = list(dict.fromkeys(cell.algorithm for cell in results.cells))
    letters, marks, rows = Letters(), {}, []
    for at, algorithm in enumerate(names):
        row = [algorithm]
        for column, task in enumerate(results.tasks, 1):
            cell = cells.get((algorithm, task))
            row.append("" if cell is None else _in_one(cell, _digits(results, task), usual))
            if cell is not None and (notes := _notes(cell, chance.get(task), results)):
                marks[at, column] = letters.of(notes)
        rows.append(tuple(row))
    columns = tuple(range(1, len(results.tasks) + 1))
    where = "in every cell" if _all_have(results, usual) else "unless a cell has another n"
    each = f"n = {usual[0]}/{usual[1]} {where}."
    bold = [(names.index(name), results.tasks.index(task) + 1) for name, task in _best(results)]
    return Table(
        "scores",
        "Scores: IQM of the final policy’s return",
        ("algorithm", *results.tasks),
        [("", rows)],
        columns,
        True,
        f"{each} {note}".strip(),
        bold=bold,
        marks=marks,
        legend=letters.legend,
        bold_note=_BOLD if bold else "",
        units=("", *[_RETURN] * len(results.tasks)),
        runs=f"{usual[0]}/{usual[1]}",
    )


def _all_have(results: Results, usual: tuple[int, int]) -> bool:
    return all((cell.n_valid, cell.n) == usual for cell in results.cells)


def _best(results: Results) -> list[tuple[str, str]]:
    """Return (algorithm, task) for each task's highest IQM and for each IQM that it is not shown to be better than.

    Tasks on which the highest IQM is not shown to be better than any other are left out.
    """
    single = [ordering for ordering in orderings(results) if len(ordering.tasks) == 1]
    shown = [ordering for ordering in single if len(ordering.leaders) < len(ordering.iqm)]
    return [(name, ordering.tasks[0]) for ordering in shown for name in ordering.leaders]


def _in_one(cell: Cell, digits: int, usual: tuple[int, int]) -> str:
    counts = (cell.n_valid, cell.n)
    parts = [interval(cell.low, cell.high, digits)] if cell.low is not None else []
    parts += [f"n = {cell.n_valid}/{cell.n}"] if counts != usual else []
    return "\n".join([number(cell.iqm, digits), *([" · ".join(parts)] if parts else [])])


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
    best = _best(results)
    names = [(row[0], task) for task, rows in groups.items() for row in rows]
    return Table(
        "scores-by-task",
        "Scores by task",
        ("algorithm", "IQM", "95 % interval", "n", "training", "note"),
        list(groups.items()),
        (1, 2, 3, 4),
        True,
        note,
        units=("", _RETURN, _RETURN, "runs", _RETURN, ""),
        bold=[(row, 1) for row, name in enumerate(names) if name in best],
        bold_note=_BOLD if best else "",
    )


def _notes(cell: Cell, chance: Cell | None, results: Results) -> list[str]:
    rows = results.rows_of(cell)
    notes = [cell.note] if cell.note else []
    if (budget := results.tuned.get(cell.algorithm)) is not None:
        notes.append(f"tuned: {budget_text(budget)}")
    if chance is not None and chance.high is not None and cell.low is not None and not rows["id"].map(is_random).any():
        notes += ["not shown to be better than random"] if cell.low <= chance.high else []
    if 0 < cell.n_valid < FEWEST_FOR_VERDICT:
        notes.append("descriptive only")
    if not all(result.get("reproducible", True) for result in results.results_of(rows)):
        notes.append("not reproducible bit for bit")
    return notes


def curves_section(results: Results) -> Section | None:
    """Return the learning curves of each task."""
    singles = single_runs(list(results.learning_curves.values()))
    parts: list[Part] = []
    without: dict[str, list[str]] = {}  # tasks without curves, by the reason
    for task, file_name in file_names(results.tasks).items():
        if not _scored(results, task):
            without.setdefault("No run is finished yet.", []).append(task)
            continue
        part = curves_part(results, task, f"curves-{file_name}", singles)
        if isinstance(part, Paragraph):
            without.setdefault(part.text, []).append(task)
        else:
            parts.append(Folded(task, [part]) if len(results.tasks) > MOST_OPEN else part)
    parts += [Paragraph(f"{join_names(tasks, 6)}: {why}", quiet=True) for why, tasks in without.items()]
    return Section(parts) if parts else None


def curves_part(results: Results, task: str, name: str, singles: int = MOST_SINGLE_RUNS) -> Part:
    """Return the learning curves of a task, or why there are none."""
    curves = [grid for grid in results.learning_curves.values() if grid.environment == task]
    anchors = results.anchors.get(task)
    return learning_curves(curves, task, _protocol(results, task), results.styles, name, singles, anchors)


def _protocol(results: Results, task: str) -> EvaluationProtocol:
    return next(run.task.evaluation for run in results.run_by_key.values() if run.task.name == task)


def finals_figure(results: Results, task: str, name: str) -> Figure:
    """Draw the final scores of a task's runs, in units of its return.

    task: one of results.tasks. name: the name of the figure's files.
    """
    cells = [cell for cell in results.cells if cell.environment == task]
    protocol = _protocol(results, task)
    finals = {cell.algorithm: _finals(results.rows_of(cell), cell) for cell in cells}
    chance = chance_cells(results).get(task)
    shaded = finals[chance.algorithm] if chance else None
    return final_scores_figure(
        list(finals.values()), shaded, task, protocol, results.styles, name, results.anchors.get(task)
    )


def _finals(rows: pd.DataFrame, cell: Cell) -> FinalScores:
    scored = rows[rows["score"].notna()]
    diverged = (scored["status"] == RunStatus.DIVERGED).to_numpy(bool)
    return FinalScores(cell.algorithm, cell.n, scored["score"].to_numpy(float), diverged, cell.iqm, cell.low, cell.high)
