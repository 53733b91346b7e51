"""The budget at which imported runs of an environment are scored: where most of them end, whatever became of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlbench.api import EvaluationProtocol, Task
from rlbench.importers import ForeignError, Told
from rlbench.importers.imported_records import counted

ENOUGH = 0.9  # of the budget; what reaches less is left out
POINTS = 10  # of a learning curve, where nothing else is said


def budget_of(last: Sequence[int]) -> int:
    """The budget for runs that end at these steps.

    Of those that come within a tenth of the step which at least half of all reach, the shortest: a crashed run sets no
    budget, and the others are scored at one step.
    """
    reached = sorted(last, reverse=True)[(len(last) - 1) // 2]
    return max(1, min(step for step in last if step >= ENOUGH * reached))


def tasks_of(told: Sequence[Told], steps: int | None, every: int | None, known: Mapping[str, Task]) -> dict[str, Task]:
    """The task of each environment: the one that the folder has; else with the budget given, or `budget_of` its runs.

    Raises: ForeignError for a budget that is not the folder's.
    """
    found = {}
    for environment in dict.fromkeys(one.environment for one in told):
        if environment in known:
            if steps not in (None, known[environment].steps):
                raise ForeignError(
                    f"{environment} has a budget of {known[environment].steps} steps in this folder, not {steps}; leave --steps "
                    "out, or choose another folder with -o"
                )
            found[environment] = known[environment]
            continue
        budget = steps or budget_of([one.rows[-1].step for one in told if one.environment == environment])
        grid = max(1, budget // POINTS) if every is None else every
        found[environment] = Task(environment, budget, EvaluationProtocol(grid))
    return found


def budget_notes(told: Sequence[Told], tasks: Mapping[str, Task]) -> list[str]:
    """A sentence for each environment: its budget, how many of the runs reach it, and what lies beyond."""
    notes = []
    for environment, task in tasks.items():
        runs = [one for one in told if one.environment == environment]
        reach = sum(one.rows[-1].step >= task.steps for one in runs)
        beyond = [count for one in runs if (count := rows_beyond(one, task))]
        left = f"; left out: {counted(sum(beyond), 'row')} of {counted(len(beyond), 'run')} beyond it" if beyond else ""
        other = "; --steps N for another" if any(one.rows[-1].step < ENOUGH * task.steps for one in runs) else ""
        notes.append(
            f"{environment}: a budget of {counted(task.steps, 'step')}, which {reach} of {len(runs)} runs reach{left}{other}"
        )
    return notes


def rows_beyond(told: Told, task: Task) -> int:
    return sum(row.step > task.steps for row in told.rows)


def protocol_notes(told: Sequence[Told]) -> list[str]:
    """A sentence for each algorithm of which some runs are scored by evaluations and others by training episodes."""
    kinds: dict[tuple[str, str], list[bool]] = {}
    for one in told:
        kinds.setdefault((one.algorithm, one.environment), []).append(any(row.evaluation for row in one.rows))
    return [
        f"{algorithm} on {environment}: not alike: scored by evaluations {counted(sum(evaluated), 'run')}, by training "
        f"episodes {counted(len(evaluated) - sum(evaluated), 'run')}"
        for (algorithm, environment), evaluated in kinds.items()
        if any(evaluated) and not all(evaluated)
    ]
