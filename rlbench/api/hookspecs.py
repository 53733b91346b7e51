"""The hooks a plugin may implement: the plugin author's manual.

Register a module under the entry-point group "rlbench"; mark functions with `rlbench.hookimpl`. An entry point called
NAME may offer algorithms, backends and executors called NAME or NAME/…, so that names are known without importing.

    # my_agent/__init__.py                          # pyproject.toml
    from rlbench import AlgorithmSpec, hookimpl     # [project.entry-points.rlbench]
                                                    # my_agent = "my_agent"
    @hookimpl
    def rlbench_algorithms():
        return [AlgorithmSpec("my_agent", "my_agent.agent:MyAgent")]

Hooks return data. Observers (`rlbench_suite_started` and those after it) are called in the harness's process, once per
evaluation and never per step; what they return is ignored, and one that raises is reported without stopping anything.
So that the harness need not import every plugin, it looks for observers in files given by `--plugin` and in entry
points whose name begins with "observe", such as `observe-mine = "my_observer"`. Likewise it looks for sections of the report
in such files and in entry points whose name begins with "report"; rlbench's own sections come from `report`:

    @hookimpl
    def rlbench_reports():
        return [ReportSpec("seeds", "Seeds", lambda readings: Section([Paragraph(f"{len(readings.runs)} runs")]))]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from rlbench.api.algorithm import AlgorithmSpec
    from rlbench.api.records import RunGroup
    from rlbench.api.specs import EnvBackendSpec, ExecutorSpec, ReportSpec

PROJECT = "rlbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

OBSERVERS = (
    "rlbench_suite_started",
    "rlbench_group_started",
    "rlbench_evaluated",
    "rlbench_group_finished",
    "rlbench_suite_finished",
)


@hookspec
def rlbench_algorithms() -> Sequence[AlgorithmSpec]:  # type: ignore[empty-body]
    """The algorithms this plugin offers."""


@hookspec
def rlbench_env_backends() -> Sequence[EnvBackendSpec]:  # type: ignore[empty-body]
    """The environment backends this plugin offers."""


@hookspec
def rlbench_executors() -> Sequence[ExecutorSpec]:  # type: ignore[empty-body]
    """The executors this plugin offers."""


@hookspec
def rlbench_reports() -> Sequence[ReportSpec]:  # type: ignore[empty-body]
    """The sections of the report that this plugin offers, of rlbench.api.sections; see ReportSpec."""


@hookspec
def rlbench_commands(cli: Any) -> None:
    """Add click commands to the group `cli`."""


@hookspec
def rlbench_suite_started(suite: str, groups: Sequence[RunGroup]) -> None:
    """A suite begins; `groups` are those that have to be run."""


@hookspec
def rlbench_group_started(group: RunGroup) -> None:
    """A group's process has started."""


@hookspec
def rlbench_evaluated(group: RunGroup, kind: str, step: int, returns: Sequence[float]) -> None:
    """An evaluation has ended: "grid", or "final" for the final policy; each seed's mean return, as in `group.seeds`."""


@hookspec
def rlbench_group_finished(group: RunGroup, status: str) -> None:
    """A group's process has ended; `status` is a RunStatus."""


@hookspec
def rlbench_suite_finished(suite: str, counts: dict[str, int]) -> None:
    """A suite has ended; `counts` maps each RunStatus to a number of runs."""
