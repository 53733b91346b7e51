"""The counting boundary: steps against the budget, returns, episode ends and reset seeds, where `env.step` happens.

Whatever drives an environment is measured here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from rlbench.api import BudgetExceeded, EpisodeRecord, Overrun

MOST_REFUSALS = 100  # of a loop that swallows the refusal and asks again
EpisodeSink = Callable[[EpisodeRecord], None]


class Meter:
    """Steps of each seed against the budget. `record` receives every episode that ends."""

    def __init__(self, budget: int, record: EpisodeSink) -> None:
        self.budget, self.record = budget, record
        self.steps = self._refused = 0

    def spend(self, steps: int) -> None:
        """Count steps that are about to be taken. Raises: BudgetExceeded when fewer are left."""
        if self.steps + steps > self.budget:
            self.refuse(f"{self.steps} of {self.budget} environment steps are spent")
        self.steps += steps

    def refuse(self, why: str) -> NoReturn:
        """Raises: BudgetExceeded; Overrun when it has been raised so often that it was not heard."""
        self._refused += 1
        if self._refused > MOST_REFUSALS:
            raise Overrun(f"it asked for {MOST_REFUSALS} more steps and did not end: {why}")
        raise BudgetExceeded(why)


def end_of(terminated: bool) -> str:
    return "terminated" if terminated else "truncated"
