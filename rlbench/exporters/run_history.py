"""The records of a published run as scalars in the order of their steps, as a tracker gets them during training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis import Results
from rlbench.api import EpisodeRecord, MetricRecord, Run
from rlbench.results import RunState
from rlbench.results.run_facts import read_arrow
from rlbench.trackers.scalar_tags import RunScalars, Scalars

# Yields the runs one by one, and may show how many are done.
Progress = Callable[[Sequence[Run]], Iterable[Run]]


@dataclass(frozen=True)
class RunHistory:
    """The scalars of one run, and its training clock.

    began: when training began, in seconds since 1970, as if it had not been interrupted. steps, seconds [T]: ascending
    steps, and the clock at each; between them, the clock is linear.
    """

    scalars: tuple[Scalars, ...]
    began: float
    steps: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def time_at(self, step: int) -> float:
        """Return when the run reached a step, in seconds since 1970."""
        return self.began + float(np.interp(step, self.steps, self.seconds))


def read_history(folder: Path, run: Run, state: RunState) -> RunHistory:
    """Read a published run's evaluations, episodes and metrics. Raises: StoreError if a file was changed."""
    evaluations, episodes, metrics = (
        read_arrow(folder, table, state).to_pylist() for table in ("evaluations", "episodes", "metrics")
    )
    tags = RunScalars()
    scalars = [
        *tags.metrics(MetricRecord(*row.values()) for row in metrics),
        *tags.episodes(EpisodeRecord(*row.values()) for row in episodes),
        *(tags.evaluation(row["kind"], row["step"], row["return_mean"]) for row in evaluations),
    ]
    clock = [(row["step"], row["wall_seconds"]) for row in evaluations if math.isfinite(row["wall_seconds"])]
    steps, seconds = np.array([(0, 0.0), *clock], float).T
    began = (folder / "result.json").stat().st_mtime - float(seconds[-1])
    return RunHistory(tuple(sorted(scalars, key=lambda one: one.step)), began, steps, seconds)


def published_runs(results: Results) -> list[Run]:
    """Return the runs that have a result, in the suite's order."""
    return [run for run in results.requested if run.key in results.published]


def scored_runs(results: Results) -> list[Run]:
    """Return the runs that have a score, in the suite's order. A run that diverged at once may have none."""
    scored = {row.key for row in results.rows if row.has_score}
    return [run for run in published_runs(results) if run.key in scored]
