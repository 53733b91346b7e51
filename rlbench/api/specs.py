"""The entries that plugins register besides algorithms: environment backends, executors and report sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rlbench.api.execution import ExecutorContext, Job
from rlbench.api.interaction import Array
from rlbench.api.sections import Section
from rlbench.api.task import AnySpace, Environment, Task
from rlbench.api.version import API_VERSION

if TYPE_CHECKING:
    from rlbench.analysis.suite_results import Results


class EnvBatch(Protocol):
    """Several independent environments of one task, addressed by lane. The harness counts steps at this interface.

    There is no automatic reset: after an episode ends, its lane is stepped again only after `reset`.

    If the environment of one lane fails, only the lane's seed should fail. To that end, `reset` raises
    EnvironmentFault, and `step` returns a reward of NaN for the lane. An optional method `fault(lane)` then returns in
    words what failed. If `step` raises an error, the whole group fails.

    Multi-agent environments have two additional attributes: `agents`, the names of their G agents, and `agent_rewards`,
    each agent's reward in the last step [len(lanes), G] float64. `reward` is then the sum over agents.
    `observation_space` has a `layout` (rlbench.api.AgentLayout), except when a wrapper of the task shows all agents as
    one.
    """

    observation_space: AnySpace
    action_space: AnySpace

    def reset(self, lane: int, seed: int) -> Array:
        """Begin an episode and return its first observation.

        The episode depends only on `seed`, not on earlier episodes of the lane.
        """
        ...

    def step(self, lanes: Sequence[int], actions: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
        """Step the given lanes, each with its own action.

        Returns: next_obs [len(lanes), *obs], reward [len(lanes)] float64, terminated and truncated [len(lanes)] bool.
        """
        ...

    def close(self) -> None:
        """Close all environments."""
        ...


class AgentEnvBatch(EnvBatch, Protocol):
    """A batch of multi-agent environments. agents, agent_rewards: see EnvBatch."""

    agents: tuple[str, ...]

    @property
    def agent_rewards(self) -> Array: ...


@dataclass(frozen=True)
class EnvBackendSpec:
    """An environment backend, which makes and steps environments.

    make_batch: takes a task and a number of lanes, and returns environments for training and evaluation. Every episode
    depends only on its own seed.
    make_env: returns one environment. It must be a module-level function, because it is sent to worker processes.
    replayable: replaying an episode's actions from its seed restores its state exactly. If false, interrupted runs
    restart.
    version: returns the name and version of the environment library, for the records.
    make_streams: only for environments that cannot be reseeded. It takes a task and one seed below 2³¹ for each lane;
    the lane draws all its episodes from that seed. Training then uses these environments: `reset` gets the same seed
    every time, and `step` gets its actions as one array. Evaluation still uses `make_batch`, because every run must be
    evaluated on the same episodes.
    """

    name: str
    make_batch: Callable[[Task, int], EnvBatch]
    make_env: Callable[[Task], Environment]
    replayable: bool
    version: Callable[[], str]
    make_streams: Callable[[Task, Sequence[int]], EnvBatch] | None = None
    api_version: int = API_VERSION

    def can_resume(self, mode: str) -> bool:
        """Return whether an interrupted run can resume. mode: `resume` in a suite; "approximate" always allows it."""
        return self.replayable or mode == "approximate"


@dataclass(frozen=True)
class ExecutorSpec:
    """An executor, which trains groups.

    execute: trains the jobs, and returns when all the jobs that it started have ended.
    adopt: only for an executor whose jobs continue without the harness; it allows `--detach`. It takes a result folder
    and returns the jobs there that were started earlier and have not ended. `execute` gets these jobs again.
    elsewhere: whether jobs run on other machines. If so, this machine's devices and memory do not matter.
    """

    name: str
    execute: Callable[[Sequence[Job], ExecutorContext], None]
    api_version: int = API_VERSION
    adopt: Callable[[Path], Sequence[Job]] | None = None
    elsewhere: bool = False


@dataclass(frozen=True)
class SectionSpec:
    """A section of the report.

    name: the section's link target on the page, of letters, digits and dashes. title: its heading. section: takes the
    results and returns the section, or None to leave it out. If the function raises, the page shows the error in the
    section's place. order: the page sorts sections by this number. rlbench's own sections have 100 (the verdict), 200,
    … 1500 (how to cite); sections below 1000 show results.
    """

    name: str
    title: str
    section: Callable[[Results], Section | None]
    order: int = 950
    api_version: int = API_VERSION
