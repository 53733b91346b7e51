"""What plugins register beside algorithms: environment backends, executors, reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rlbench.api.interaction import Array
from rlbench.api.sections import Section
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
    """A way to make environments.

    make_batch: environments for training and evaluation, of which every episode depends on its own seed alone.
    make_env: one environment; a function of a module, since worker processes are sent it.
    make_streams: for environments that cannot be reseeded; given one seed for each lane, below 2³¹, from which the lane
    draws all its episodes. They are then trained on instead: `reset` gets that seed every time, and `step` its actions
    as one array. Evaluation keeps to `make_batch`, because its episodes are the same for every run.
    replayable: an episode's seed and actions bring its state back exactly; else interrupted runs start again.
    """

    name: str
    make_batch: Callable[[Task, int], EnvBatch]
    make_env: Callable[[Task], Env[Any, Any]]
    replayable: bool
    version: Callable[[], str]
    make_streams: Callable[[Task, Sequence[int]], EnvBatch] | None = None
    api_version: int = 1

    def can_resume(self, mode: str) -> bool:
        """Return whether an interrupted run can resume with this backend: exactly, or approximately if `mode` says so."""
        return self.replayable or mode == "approximate"


@dataclass(frozen=True)
class ExecutorSpec:
    """A way to run RunGroups: `execute(jobs, context)`, see Job and Context of rlbench.executors."""

    name: str
    execute: Callable[..., Any]
    api_version: int = 1


@dataclass(frozen=True)
class ReportSpec:
    """A section of the report.

    name: letters, digits and dashes, its anchor on the page. title: its heading. section: makes it from the loaded results
    (rlbench.reports.Readings), or gives None where there is nothing to show; the section is then absent. order: sections
    stand in ascending order; rlbench's own have 100 (the verdict), 200, … 1500 (how to cite), those on what was found come
    before 1000. One that raises shows its error in its place.
    """

    name: str
    title: str
    section: Callable[[Any], Section | None]
    order: int = 950
    api_version: int = 1
