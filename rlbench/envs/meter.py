"""The boundary where `env.step` is called: steps, the budget, returns, episode ends and reset seeds are counted there.

Every way to drive an environment is measured here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from rlbench.api import BudgetExceeded, EpisodeRecord, Overrun

MAX_REFUSALS = 100  # for a loop that catches the refusal and steps again
EpisodeSink = Callable[[EpisodeRecord], None]


class Meter:
    """The steps of each seed, compared with the budget. record: receives every episode that ends."""

    def __init__(self, budget: int, record: EpisodeSink) -> None:
        self.budget, self.record = budget, record
        self.steps = self._refusals = 0

    def spend(self, steps: int) -> None:
        """Count steps that are about to be taken. Raises: BudgetExceeded if the budget has fewer steps left."""
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
    """Return the name of an episode's end, for its record."""
    return "terminated" if terminated else "truncated"
