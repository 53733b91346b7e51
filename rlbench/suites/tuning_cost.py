"""What `rlbench tune` would train for a suite, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from rlbench.suites.plan import Plan
from rlbench.suites.search_space import spaces


@dataclass(frozen=True)
class TuningCost:
    """Cost of the search for one algorithm. runs: on all tasks together. steps: environment steps of all these runs."""

    algorithm: str
    trials: int
    runs: int
    steps: int


def tuning_costs(planned: Plan) -> list[TuningCost]:
    """Return the cost of the search for each tuned algorithm of a suite's plan; the final comparison is not counted."""
    tune = planned.suite.tune
    if tune is None:
        return []
    costs = []
    for label in spaces(planned.suite):
        budgets = {group.task.name: group.task.steps for group in planned.groups if group.label == label}
        steps = tune.runs * sum(budgets.values())
        costs.append(TuningCost(label, tune.trials, tune.runs * len(budgets), steps))
    return costs
