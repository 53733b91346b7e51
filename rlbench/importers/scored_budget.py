"""The budget at which imported runs of an environment are scored: the step at which most of them end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlbench.api import EvaluationProtocol, Task
from rlbench.importers import ForeignError, ImportedRecords
from rlbench.text import counted

ENOUGH = 0.9  # a run must reach this share of the budget to be imported
POINTS = 10  # default number of points of a learning curve


def budget_of(last: Sequence[int]) -> int:
    """Return the budget for runs that end at these steps.

    `reached` is the last step that at least half of the runs reach. Runs that end before nine tenths of it are ignored.
    The budget is the last step of the shortest remaining run. So a run that crashed early does not determine the
    budget, and all remaining runs are scored at the same step.
    """
    reached = sorted(last, reverse=True)[(len(last) - 1) // 2]
    return max(1, min(step for step in last if step >= ENOUGH * reached))


def tasks_of(
    runs: Sequence[ImportedRecords], steps: int | None, every: int | None, existing: Mapping[str, Task]
) -> dict[str, Task]:
    """Return the task of each environment: the folder's task, or else a new task with the budget `steps`.

    If `steps` is None, the budget is `budget_of` the environment's runs.

    Raises: ForeignError if `steps` differs from the folder's budget.
    """
    tasks = {}
    for environment in dict.fromkeys(one.environment for one in runs):
        if environment in existing:
            if steps not in (None, existing[environment].steps):
                raise ForeignError(
                    f"{environment} has a budget of {existing[environment].steps} steps in this folder, not {steps}; "
                    "omit --steps, or choose another folder with -o"
                )
            tasks[environment] = existing[environment]
            continue
        budget = steps or budget_of([one.rows[-1].step for one in runs if one.environment == environment])
        interval = max(1, budget // POINTS) if every is None else every
        tasks[environment] = Task(environment, budget, EvaluationProtocol(interval))
    return tasks


def budget_notes(runs: Sequence[ImportedRecords], tasks: Mapping[str, Task], algorithm: str = "") -> list[str]:
    """Return a sentence for each environment: its budget, how many runs reach it, and how many rows are beyond it.

    algorithm: the label whose budgets these are; "" if they are the budgets of all algorithms.
    """
    notes = []
    for environment, task in tasks.items():
        own = [one for one in runs if one.environment == environment]
        reach = sum(one.rows[-1].step >= task.steps for one in own)
        beyond = [count for one in own if (count := rows_beyond(one, task))]
        skipped = (
            f"; skipped: {counted(sum(beyond), 'row')} of {counted(len(beyond), 'run')} beyond it" if beyond else ""
        )
        hint = "; --steps N sets another" if any(one.rows[-1].step < ENOUGH * task.steps for one in own) else ""
        notes.append(
            f"{algorithm}{' on ' if algorithm else ''}{environment}: the budget is {counted(task.steps, 'step')}, "
            f"reached by {reach} of {len(own)} runs{skipped}{hint}"
        )
    return notes


def rows_beyond(records: ImportedRecords, task: Task) -> int:
    return sum(row.step > task.steps for row in records.rows)


def protocol_notes(runs: Sequence[ImportedRecords]) -> list[str]:
    """Return a sentence for each algorithm with some runs scored by evaluations, others by training episodes."""
    kinds: dict[tuple[str, str], list[bool]] = {}
    for one in runs:
        kinds.setdefault((one.algorithm, one.environment), []).append(any(row.evaluation for row in one.rows))
    return [
        f"{algorithm} on {environment}: scored in two ways: {counted(sum(evaluated), 'run')} by evaluations, "
        f"{counted(len(evaluated) - sum(evaluated), 'run')} by training episodes"
        for (algorithm, environment), evaluated in kinds.items()
        if any(evaluated) and not all(evaluated)
    ]
