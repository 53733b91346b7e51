"""Destinations of the records of a running group: files in an attempt's folder, or lists in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from rlbench.api import EpisodeRecord, EvaluationRecord, MetricRecord


class Sink(Protocol):
    """Receives records in chronological order."""

    def episode(self, record: EpisodeRecord) -> None: ...

    def evaluation(self, record: EvaluationRecord) -> None: ...

    def metric(self, record: MetricRecord) -> None: ...

    def positions(self) -> Mapping[str, Any]:
        """Flush to disk and return how much has been written.

        A checkpoint stores the result, so that a resumed run can discard the records written after the checkpoint.
        """
        ...


class MemorySink:
    """Keeps records in lists, for tests and notebooks."""

    def __init__(self) -> None:
        self.episodes: list[EpisodeRecord] = []
        self.evaluations: list[EvaluationRecord] = []
        self.metrics: list[MetricRecord] = []

    def episode(self, record: EpisodeRecord) -> None:
        self.episodes.append(record)

    def evaluation(self, record: EvaluationRecord) -> None:
        self.evaluations.append(record)

    def metric(self, record: MetricRecord) -> None:
        self.metrics.append(record)

    def positions(self) -> Mapping[str, Any]:
        return {"episodes": len(self.episodes), "evaluations": len(self.evaluations), "metrics": len(self.metrics)}
