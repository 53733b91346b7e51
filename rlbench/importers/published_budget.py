"""Budgets of published runs. Each algorithm has its own, but close budgets in an environment are made equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rlbench.api import EvaluationProtocol, Task
from rlbench.importers.imported_records import ForeignError, ImportedRecords, Row
from rlbench.importers.run_matching import ExistingRuns, Place
from rlbench.importers.scored_budget import ENOUGH, POINTS, budget_of
from rlbench.text import counted

LAST = 1 / 40  # share of the budget over which published training returns are averaged
Cell = tuple[str, str]  # label, environment


def published_tasks(
    runs: Sequence[ImportedRecords],
    steps: int | None,
    every: int | None,
    existing: ExistingRuns,
    without: Sequence[Place] = (),
) -> dict[Cell, Task]:
    """Return the task of each algorithm on each environment.

    If the folder has published runs of the algorithm on the environment, their budget is used; else `steps`; else the
    step at which most of the new runs end. In the last case, if the environment has a budget in the folder or in this
    import that differs by at most a tenth, this budget is used, so that algorithms trained equally long are scored at
    the same step.
    without: places of runs that are replaced; they do not count.

    Raises: ForeignError if `steps` differs from the budget of the algorithm's runs in the folder.
    """
    cells: dict[Cell, list[int]] = {}
    for one in runs:
        cells.setdefault((one.algorithm, one.environment), []).append(one.rows[-1].step)
    folder, earlier = existing.tasks(without), existing.published(without)
    budgets: dict[str, list[int]] = {}
    for (_, environment), task in [*((("", name), task) for name, task in folder.items()), *earlier.items()]:
        budgets.setdefault(environment, []).append(task.steps)
    tasks = {}
    for cell, last in sorted(cells.items(), key=lambda entry: budget_of(entry[1])):
        if cell in earlier:
            if steps not in (None, earlier[cell].steps):
                raise ForeignError(
                    f"{cell[0]} on {cell[1]} has a budget of {earlier[cell].steps} steps in this folder, not {steps}; "
                    "omit --steps, or choose another folder with -o"
                )
            tasks[cell] = earlier[cell]
            continue
        known = budgets.setdefault(cell[1], [])
        budget = steps or _close(budget_of(last), known)
        known.append(budget)
        tasks[cell] = _task(cell[1], budget, every, folder.get(cell[1]))
    return {cell: tasks[cell] for cell in cells}


def _close(budget: int, known: Sequence[int]) -> int:
    """Return the first known budget within a tenth of `budget`; `budget` itself if there is none."""
    return next((other for other in known if ENOUGH * max(budget, other) <= min(budget, other)), budget)


def _task(environment: str, budget: int, every: int | None, folder: Task | None) -> Task:
    """Return the folder's task of an environment with this budget, or a new task."""
    if folder is not None and folder.steps == budget:
        return folder
    protocol = EvaluationProtocol(max(1, budget // POINTS) if every is None else every)
    return Task(environment, budget, protocol) if folder is None else replace(folder, steps=budget, evaluation=protocol)


def named_as_in(records: ImportedRecords, tasks: Mapping[str, Task]) -> ImportedRecords:
    """Return a published run with the folder's name for its environment.

    An id in the folder may begin with the module that registers it, as in `shimmy:dm_control/walker-walk-v0`.
    """
    if records.publication is None or records.environment in tasks:
        return records
    same = [name for name, task in tasks.items() if task.env_id.split(":")[-1] == records.environment]
    return replace(records, environment=same[0]) if len(same) == 1 else records


def final_notes(runs: Sequence[ImportedRecords], tasks: Mapping[Cell, Task]) -> list[str]:
    """Return a sentence for each algorithm and environment whose runs are scored in two ways.

    tasks: the task of each run's algorithm and environment.
    """
    apart: dict[Cell, list[bool]] = {}
    for one in runs:
        cell = one.algorithm, one.environment
        apart.setdefault(cell, []).append(bool(one.scored_by(tasks[cell].steps)))
    return [
        f"{algorithm} on {environment}: scored in two ways: {counted(sum(kinds), 'run')} by an evaluation after "
        f"training, {counted(len(kinds) - sum(kinds), 'run')} by the last evaluation within the budget"
        for (algorithm, environment), kinds in apart.items()
        if any(kinds) and not all(kinds)
    ]


def points_scored(rows: Sequence[Row], budget: int) -> int:
    """Return how many last points of a published training curve are averaged for its score, at least 1."""
    return max(1, sum((1 - LAST) * budget < row.step <= budget for row in rows))
