"""TensorBoard event files while a suite runs: `rlbench run SUITE --log tensorboard`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlbench import hookimpl
from rlbench.api import EpisodeRecord, MetricRecord, RunGroup
from rlbench_tensorboard.event_files import EventFiles

_files: EventFiles | None = None  # of the suite that runs


@hookimpl
def rlbench_suite_started(suite: str, groups: Sequence[RunGroup], folder: Path) -> None:
    global _files
    _files = EventFiles(folder / "tensorboard")


@hookimpl
def rlbench_evaluated(group: RunGroup, kind: str, step: int, returns: Sequence[float]) -> None:
    if _files is not None:
        _files.evaluated(group, kind, step, returns)
        _files.flush()


@hookimpl
def rlbench_recorded(group: RunGroup, metrics: Sequence[MetricRecord], episodes: Sequence[EpisodeRecord]) -> None:
    if _files is not None:
        _files.recorded(group, metrics, episodes)
        _files.flush()


@hookimpl
def rlbench_suite_finished(suite: str, counts: dict[str, int]) -> None:
    global _files
    if _files is not None:
        _files.close()
        _files = None
