"""Whether a run's records add up to one run within its budget; what was recorded twice would move its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rlbench.api import Run, StoreError

Rows = Sequence[Mapping[str, Any]]


def refuse_miscounted(run: Run, rows: Mapping[str, Rows], metered: bool) -> None:
    """See that there is one final evaluation at most, each point of the grid once, and no step beyond the budget.

    metered: its episodes were counted at the boundary, so that their lengths add up as well. Raises: StoreError.
    """
    budget = run.task.steps
    evaluations, episodes = rows["evaluations"], rows["episodes"]
    finals = sum(1 for row in evaluations if row["kind"] == "final")
    if finals > 1:
        raise _wrong(run, f"{finals} final evaluations")
    for point, count in Counter(row["nominal_step"] for row in evaluations if row["kind"] == "grid").items():
        if count > 1:
            raise _wrong(run, f"{count} evaluations at step {point}")
    latest = max((row["step"] for table in rows.values() for row in table), default=0)
    if latest > budget:
        raise _wrong(run, f"a record of step {latest}, and the budget is {budget}")
    if not metered:
        return
    for place, count in Counter((row["rank"], row["episode"]) for row in episodes).items():
        if count > 1:
            raise _wrong(run, f"episode {place[1]} of environment {place[0]} {count} times")
    taken = sum(row["length"] for row in episodes)
    if taken > budget:
        raise _wrong(run, f"episodes of {taken} steps, and the budget is {budget}")


def _wrong(run: Run, found: str) -> StoreError:
    return StoreError(
        f"the records of seed {run.seed} do not add up: {found}; the run was recorded more than once, by a copy of its"
        " process or by two at a time"
    )
