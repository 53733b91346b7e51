"""The hooks that a plugin may implement: the plugin author's manual.

Register a module under the entry-point group "rlbench" and mark its functions with `rlbench.hookimpl`. An entry point
named NAME may offer algorithms, backends, executors and samplers named NAME or NAME/…. So rlbench finds the plugin of a
name without importing other plugins.

    # my_agent/__init__.py                          # pyproject.toml
    from rlbench import AlgorithmSpec, hookimpl     # [project.entry-points.rlbench]
                                                    # my_agent = "my_agent"
    @hookimpl
    def rlbench_algorithms():
        return [AlgorithmSpec("my_agent", "my_agent.agent:MyAgent")]

Hooks return data. The observers are `rlbench_suite_started` and the hooks below it. They are called in the harness's
process, a few times per evaluation at most and never per step. Their return values are ignored. If an observer raises,
the error is reported and the suite continues.

The harness does not import every plugin. It looks for observers only in the files of `--plugin` and in entry points
whose name begins with "observe", such as `observe-mine = "my_observer"`. `--log NAME` adds the observers of the entry
point `log-NAME`. The harness looks for report sections in the files of `--plugin` and in entry points whose name begins
with "report". The entry point `report` provides rlbench's own sections.

    @hookimpl
    def rlbench_report_sections():
        return [SectionSpec("seeds", "Seeds", lambda results: Section([Paragraph(f"{len(results.table)} runs")]))]
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from rlbench.api.algorithm import AlgorithmSpec
    from rlbench.api.records import EpisodeRecord, MetricRecord
    from rlbench.api.run_group import RunGroup
    from rlbench.api.specs import EnvBackendSpec, ExecutorSpec, SectionSpec
    from rlbench.api.task_sampler import SamplerSpec

PROJECT = "rlbench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

OBSERVERS = (
    "rlbench_suite_started",
    "rlbench_group_started",
    "rlbench_evaluated",
    "rlbench_recorded",
    "rlbench_group_finished",
    "rlbench_suite_finished",
)


@hookspec
def rlbench_algorithms() -> Sequence[AlgorithmSpec]:
    """Return the algorithms that this plugin offers."""
    return ()


@hookspec
def rlbench_env_backends() -> Sequence[EnvBackendSpec]:
    """Return the environment backends that this plugin offers."""
    return ()


@hookspec
def rlbench_executors() -> Sequence[ExecutorSpec]:
    """Return the executors that this plugin offers."""
    return ()


@hookspec
def rlbench_samplers() -> Sequence[SamplerSpec]:
    """Return the samplers of curricula that this plugin offers (see SamplerSpec)."""
    return ()


@hookspec
def rlbench_report_sections() -> Sequence[SectionSpec]:
    """Return the report sections that this plugin offers (see SectionSpec and rlbench.api.sections)."""
    return ()


@hookspec
def rlbench_suite_started(suite: str, groups: Sequence[RunGroup], folder: Path) -> None:
    """Observe that a suite starts. groups: the groups that will be trained. folder: the result folder."""


@hookspec
def rlbench_group_started(group: RunGroup) -> None:
    """Observe that a group's process has started."""


@hookspec
def rlbench_evaluated(group: RunGroup, kind: str, step: int, returns: Sequence[float]) -> None:
    """Observe that an evaluation has ended.

    kind: "grid", or "final" for the final policy. step: environment steps per seed. returns: the mean return of each
    seed, in the order of `group.seeds`.
    """


@hookspec
def rlbench_recorded(group: RunGroup, metrics: Sequence[MetricRecord], episodes: Sequence[EpisodeRecord]) -> None:
    """Observe a group's new records since the last call: logged metrics and ended episodes.

    The hook is called after every evaluation and when the group's process has ended, if there are new records. Records
    from before a resume are not repeated.
    """


@hookspec
def rlbench_group_finished(group: RunGroup, status: str) -> None:
    """Observe that a group's process has ended. status: a RunStatus."""


@hookspec
def rlbench_suite_finished(suite: str, counts: dict[str, int]) -> None:
    """Observe that a suite has ended. counts: the number of runs with each RunStatus."""
