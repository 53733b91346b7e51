"""The interaction with a group's environments: the only way in which an algorithm reaches them.

Axes always come in this order: S seeds, N environments of each seed, then the environment's own axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from rlbench.api.version import API_ADVICE, API_VERSION

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from gymnasium import Env

Array = NDArray[Any]


@dataclass(slots=True, kw_only=True)
class Transition:
    """One step of every environment. Every array is [S, N, …].

    next_obs: the true successor of `obs`, never the first observation of the next episode.
    agent_rewards: in a multi-agent environment the reward of each agent [S, N, G], whose sum is `reward`; else None.

    Read its fields by name. A transition cannot be unpacked, so that a new field never breaks a plugin. The class is
    not frozen, because creating a frozen instance takes 0.5 µs longer at every step.
    """

    obs: Array
    action: Array
    reward: Array
    next_obs: Array
    terminated: Array
    truncated: Array
    agent_rewards: Array | None = None

    def __iter__(self) -> NoReturn:
        raise TypeError(f"a Transition cannot be unpacked in plugin API {API_VERSION}; read its fields; {API_ADVICE}")

    def __getitem__(self, index: object) -> NoReturn:
        raise TypeError(f"a Transition has no index in plugin API {API_VERSION}; read its fields; {API_ADVICE}")


class Budget(NamedTuple):
    """The environment steps (agent decisions) that EACH seed may take, summed over its environments."""

    steps: int


class Interaction(Protocol):
    """The argument of `Algorithm.train`. Its arrays are never overwritten, so the algorithm may keep them."""

    seeds: tuple[int, ...]
    num_envs: int
    budget: Budget
    steps: int
    """Environment steps that each seed has taken so far."""
    finished: bool
    """True when the budget is spent, every seed has diverged, or the harness has stopped the group."""
    obs: Array
    """The observations to act on next: [S, N, *obs]."""
    active: NDArray[np.bool_]
    """The seeds that are still learning: [S]. A diverged seed is parked: its environments are not stepped."""

    @property
    def start(self) -> NDArray[np.bool_]:
        """Whether `obs` is the first observation of an episode: [S, N]. A recurrent policy then resets its state."""
        ...

    def reset(self) -> Array:
        """Begin training or resume from a checkpoint, and return obs [S, N, *obs]. Call it once, before the loop."""
        ...

    def step(self, actions: Array) -> Transition:
        """Step every environment once. actions: [S, N, *action].

        An episode that ends is reset at once: `next_obs` of the transition holds its true last observation, and
        `self.obs` holds the first observation of the next episode. Evaluation on the suite's grid happens inside this
        call, while the training clock is stopped.
        Raises: BudgetExceeded if the budget was spent before the call.
        """
        ...

    def make_env(self, seed_index: int = 0, rank: int = 0) -> Env[Any, Any]:
        """Return a metered Gymnasium environment, for libraries that own their loop. The group must have one seed.

        The environment may be passed to a process that is started with the "spawn" method. In that case call `attend`.
        """
        ...

    def attend(self, processes: Sequence[BaseProcess]) -> None:
        """Serve the environments that were passed to `processes`. Return when all processes have ended.

        Meanwhile, collect their episodes and run the evaluations. Raises: WorkerFailed as soon as a process fails,
        after ending the other processes.
        """
        ...

    def log(self, **metrics: Any) -> None:
        """Record metrics at the current step. Each metric is one number per seed [S], or one number for all seeds."""
        ...

    def log_mean(self, *computed: Callable[[], Mapping[str, Any]], where: Any = None, **metrics: Any) -> None:
        """Log metrics of one update. Their mean is recorded at the next point of the evaluation grid.

        metrics: one number per seed [S], or one number for all seeds, as arrays or tensors on any device. The caller
        must not change them afterwards. computed: functions that return further metrics by name. They are called at
        the first update after a grid point and at every 32nd update from there; with `computed`, `metrics` too count at
        these updates only. So all seeds must update together: if seeds update separately, use `metrics` alone.
        where [S] bool: the seeds that the update concerns; None: all. Without a grid, means are recorded at 20 points
        of the budget.
        """
        ...

    def report(
        self, step: int, return_: float | None = None, length: int = 0, evaluation: Sequence[float] = ()
    ) -> None:
        """Record self-reported numbers, for an algorithm registered with metering="self-reported".

        step: environment steps taken so far, as the algorithm counts them. return_, length: return and length of a
        training episode that has ended (length 0: unknown). evaluation: the return of each episode of an evaluation
        that the algorithm made itself.
        Numbers beyond the budget are discarded. Raises: RlbenchError if `step` decreases; Diverged if a return is not
        finite; BudgetExceeded if the budget was spent before the call; Stopped if the harness has stopped the group.
        """
        ...

    def checkpoint(self) -> None:
        """Save a checkpoint if one is due; otherwise do nothing.

        Call it at a safe point: at the head of the training loop, where an update has just ended and the rollout is
        empty.
        """
        ...
