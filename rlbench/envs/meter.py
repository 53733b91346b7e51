"""The count of a run's environment steps, compared with its budget, and the sink of its episode records.

All steps of training are counted here, whatever steps the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from rlbench.api import BudgetExceeded, EpisodeRecord, Overrun

MAX_REFUSALS = 100  # a loop may catch the refusal and step again
EpisodeSink = Callable[[EpisodeRecord], None]


class Meter:
    """The steps that each seed has taken, and the budget. record: called with the record of every episode that ends."""

    def __init__(self, budget: int, record: EpisodeSink) -> None:
        self.budget, self.record = budget, record
        self.steps = self._refusals = 0

    def spend(self, steps: int) -> None:
        """Count steps before they are taken. Raises: BudgetExceeded if fewer steps of the budget are left."""
        if self.steps + steps > self.budget:
            self.refuse(f"{self.steps} of {self.budget} environment steps are spent")
        self.steps += steps

    def refuse(self, reason: str) -> NoReturn:
        """Refuse further steps. Raises: BudgetExceeded; after MAX_REFUSALS refusals, Overrun."""
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            raise Overrun(
                f"`train` does not return although no step is left: {MAX_REFUSALS} more were requested; {reason}"
            )
        raise BudgetExceeded(reason)


def episode_end(terminated: bool) -> str:
    """Return "terminated" or "truncated", for an episode's record."""
    return "terminated" if terminated else "truncated"
