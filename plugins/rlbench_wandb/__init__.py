"""W&B runs while a suite runs, offline by default: `rlbench run SUITE --log wandb`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rlbench import hookimpl
from rlbench.api import EpisodeRecord, MetricRecord, RunGroup
from rlbench.trackers.live_runs import LiveRuns
from rlbench.trackers.wandb_runs import WandbRun, end_service

_runs: LiveRuns | None = None  # the runs of the current suite


@hookimpl
def rlbench_suite_started(suite: str, groups: Sequence[RunGroup], folder: Path) -> None:
    global _runs
    _runs = LiveRuns(partial(WandbRun, folder, suite))


@hookimpl
def rlbench_evaluated(group: RunGroup, kind: str, step: int, returns: Sequence[float]) -> None:
    if _runs is not None:
        _runs.evaluated(group, kind, step, returns)


@hookimpl
def rlbench_recorded(group: RunGroup, metrics: Sequence[MetricRecord], episodes: Sequence[EpisodeRecord]) -> None:
    if _runs is not None:
        _runs.recorded(group, metrics, episodes)


@hookimpl
def rlbench_group_finished(group: RunGroup, status: str) -> None:
    if _runs is not None:
        _runs.finished(group)


@hookimpl
def rlbench_suite_finished(suite: str, counts: dict[str, int]) -> None:
    global _runs
    if _runs is not None:
        _runs.close()
        _runs = None
        end_service()
