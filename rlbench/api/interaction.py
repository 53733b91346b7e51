"""The live handle of a RunGroup: the one way an algorithm touches its environments.

Axes come in this order everywhere: S seeds, N environments of each seed, then the environment's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from gymnasium import Env

    from rlbench.api.algorithm import Algorithm

Array = NDArray[Any]


class Transition(NamedTuple):
    """One step of every environment, all [S, N, …]. `next_obs` is the true successor, never the observation of a reset."""

    obs: Array
    action: Array
    reward: Array
    next_obs: Array
    terminated: Array
    truncated: Array


class Budget(NamedTuple):
    """Environment steps (agent decisions) that EACH seed may take, summed over its environments."""

    steps: int


class Interaction(Protocol):
    """What `Algorithm.train` is given. Arrays are the caller's to keep: none is written to again."""

    seeds: tuple[int, ...]
    num_envs: int
    budget: Budget
    steps: int
    """Environment steps taken by each seed so far."""
    finished: bool
    """The budget is spent, every seed has diverged, or the harness stopped the group."""
    obs: Array
    """[S, N, *obs]: what to act on next."""
    active: NDArray[np.bool_]
    """[S]: seeds still learning; a diverged seed's environments are parked and its numbers mean nothing."""

    def reset(self) -> Array:
        """Begin, or go on where a checkpoint left off: call it once, before the loop. Returns obs [S, N, *obs]."""
        ...

    def step(self, actions: Array) -> Transition:
        """Step every environment once; actions [S, N, *action].

        Ended episodes are reset at once: `next_obs` still holds their true last observation, `obs` the new first one.
        Evaluation on the suite's grid happens inside, on a stopped clock.
        Raises: BudgetExceeded when the budget was spent before the call.
        """
        ...

    def make_env(self, seed_index: int = 0, rank: int = 0) -> Env[Any, Any]:
        """A metered gymnasium environment, for libraries that own their loop; needs a group of one seed.

        It may be sent to a process started with the "spawn" method as an argument; then call `attend`.
        """
        ...

    def attend(self, processes: Sequence[BaseProcess]) -> None:
        """Serve environments that were sent to `processes` until those have ended: collect episodes, evaluate.

        Raises: WorkerFailed as soon as one of them fails; the others are ended first.
        """
        ...

    def log(self, **metrics: Any) -> None:
        """Keep numbers, one for each seed [S] or one for all, with the current step."""
        ...

    def report(
        self, step: int, return_: float | None = None, length: int = 0, evaluation: Sequence[float] = ()
    ) -> None:
        """Take the word of what cannot be metered, for an algorithm registered with metering="self-reported".

        step: environment steps taken by now, by its own count. return_, length: of a training episode that has ended
        (length 0: not known). evaluation: the return of each episode of an evaluation of its own. What lies beyond the
        budget is left out. Raises: RlbenchError where the steps fall; Diverged where a return is not finite;
        BudgetExceeded when the budget was spent before the call; Stopped when the group is to stop.
        """
        ...

    def checkpoint(self, algorithm: Algorithm) -> None:
        """The algorithm's safe point (loop head, after an update, rollout empty): saves when due, else does nothing."""
        ...
