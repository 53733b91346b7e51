"""What plugins register beside algorithms: environment backends, executors, reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rlbench.api.interaction import Array
from rlbench.api.task import Task

if TYPE_CHECKING:
    from gymnasium import Env, Space


class EnvBatch(Protocol):
    """Several independent environments of one task, addressed by lane; the meter lies directly above it.

    No automatic reset: a lane whose episode ended is stepped again only after `reset`.
    """

    observation_space: Space[Any]
    action_space: Space[Any]

    def reset(self, lane: int, seed: int) -> Array:
        """Begin an episode that depends on `seed` alone, whatever the lane did before; the first observation."""
        ...

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        """Step these lanes with one action each: next_obs [len(lanes), *obs], reward (float64), terminated, truncated."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class EnvBackendSpec:
    """A way to make environments. replayable: an episode's seed and actions bring its state back exactly."""

    name: str
    make_batch: Callable[[Task, int], EnvBatch]
    make_env: Callable[[Task], Env[Any, Any]]
    replayable: bool
    version: Callable[[], str]
    api_version: int = 1


@dataclass(frozen=True)
class ExecutorSpec:
    """A way to run RunGroups: `execute(jobs, context)`, see Job and Context of rlbench.executors."""

    name: str
    execute: Callable[..., Any]
    api_version: int = 1


@dataclass(frozen=True)
class ReportSpec:
    """A section of a report: `render(results)` returns HTML-safe markup."""

    name: str
    render: Callable[..., str]
    api_version: int = 1
