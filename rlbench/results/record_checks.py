"""Checks that records belong to one run and stay within its budget: doubled records would change its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rlbench.api import Run, StoreError

Rows = Sequence[Mapping[str, Any]]


def check_counts(run: Run, rows: Mapping[str, Rows], metered: bool) -> None:
    """Check for at most one final evaluation, at most one evaluation at each grid point, and no step beyond the budget.

    metered: the steps were counted at the boundary, so the lengths of the episodes must fit the budget, too.
    Raises: StoreError.
    """
    budget = run.task.steps
    evaluations, episodes = rows["evaluations"], rows["episodes"]
    finals = sum(1 for row in evaluations if row["kind"] == "final")
    if finals > 1:
        raise _count_error(run, f"there are {finals} final evaluations")
    for point, count in Counter(row["nominal_step"] for row in evaluations if row["kind"] == "grid").items():
        if count > 1:
            raise _count_error(run, f"there are {count} evaluations at step {point}")
    latest = max((row["step"] for table in rows.values() for row in table), default=0)
    if latest > budget:
        raise _count_error(run, f"there is a record of step {latest}, but the budget is {budget}")
    if not metered:
        return
    for (rank, episode), count in Counter((row["rank"], row["episode"]) for row in episodes).items():
        if count > 1:
            raise _count_error(run, f"episode {episode} of environment {rank} is recorded {count} times")
    taken = sum(row["length"] for row in episodes)
    if taken > budget:
        raise _count_error(run, f"its episodes have {taken} steps in total, but the budget is {budget}")


def _count_error(run: Run, problem: str) -> StoreError:
    return StoreError(
        f"the records of seed {run.seed} do not add up: {problem}; the run was recorded more than once: by a fork of"
        " its process, or by two processes at a time"
    )
