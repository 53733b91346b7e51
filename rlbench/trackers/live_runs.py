"""Pass the records that observers get while a suite runs to a writer for each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from rlbench.api import EpisodeRecord, MetricRecord, Run, RunGroup
from rlbench.trackers.scalar_tags import RunScalars, Scalars

_Place = tuple[str, str, int]  # algorithm, environment, seed


class RunWriter(Protocol):
    """Writes the scalars of one run. `close` writes what is pending; the writer is not used after it."""

    def write(self, scalars: Scalars) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class _OpenRun(NamedTuple):
    writer: RunWriter
    scalars: RunScalars


class LiveRuns:
    """The runs of a suite that have recorded something, each with its own writer.

    open_writer: called with a run when its first record comes. If a writer raises, the caller gets the error once;
    nothing is written after it, because every later record would raise the same error.
    """

    def __init__(self, open_writer: Callable[[Run], RunWriter]) -> None:
        self._open_writer = open_writer
        self._runs: dict[_Place, _OpenRun] = {}
        self._has_failed = False

    def evaluated(self, group: RunGroup, kind: str, step: int, returns: Sequence[float]) -> None:
        """Write an evaluation of all seeds of a group (see the hook `rlbench_evaluated`)."""
        if self._has_failed:
            return
        with self._stop_at_error():
            for run, value in zip(group.runs, returns):
                writer, scalars = self._open(run)
                writer.write(scalars.evaluation(kind, step, value))
                writer.flush()

    def recorded(self, group: RunGroup, metrics: Sequence[MetricRecord], episodes: Sequence[EpisodeRecord]) -> None:
        """Write metrics and episodes of a group's seeds (see the hook `rlbench_recorded`)."""
        if self._has_failed:
            return
        with self._stop_at_error():
            for run in group.runs:
                own_metrics = [record for record in metrics if record.seed == run.seed]
                own_episodes = [record for record in episodes if record.seed == run.seed]
                if own_metrics or own_episodes:
                    writer, scalars = self._open(run)
                    _write(writer, scalars.metrics(own_metrics))
                    _write(writer, scalars.episodes(own_episodes))
                    writer.flush()

    def finished(self, group: RunGroup) -> None:
        """Close the writers of a group whose process has ended."""
        for run in group.runs:
            if (ended := self._runs.pop(_place(run), None)) is not None:
                ended.writer.close()

    def close(self) -> None:
        """Close all writers."""
        while self._runs:
            self._runs.popitem()[1].writer.close()

    def _open(self, run: Run) -> _OpenRun:
        place = _place(run)
        if place not in self._runs:
            self._runs[place] = _OpenRun(self._open_writer(run), RunScalars())
        return self._runs[place]

    @contextmanager
    def _stop_at_error(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self._has_failed = True
            raise


def _place(run: Run) -> _Place:
    return run.label or run.algorithm, run.task.name, run.seed


def _write(writer: RunWriter, scalars: Iterable[Scalars]) -> None:
    for one in scalars:
        writer.write(one)
