"""The counting boundary: steps against the budget, returns, episode ends and reset seeds, where `env.step` happens.

Whatever drives an environment is measured here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

from rlbench.api import BudgetExceeded, EpisodeRecord

EpisodeSink = Callable[[EpisodeRecord], None]


class Meter:
    """Steps of each seed against the budget. `record` receives every episode that ends."""

    def __init__(self, budget: int, record: EpisodeSink) -> None:
        self.budget, self.record = budget, record
        self.steps = 0

    def spend(self, steps: int) -> None:
        """Count steps that are about to be taken. Raises: BudgetExceeded when fewer are left."""
        if self.steps + steps > self.budget:
            raise BudgetExceeded(f"{self.steps} of {self.budget} environment steps are spent")
        self.steps += steps


def end_of(terminated: bool) -> str:
    return "terminated" if terminated else "truncated"
