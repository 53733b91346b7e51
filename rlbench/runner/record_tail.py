"""Reading of the records that a group's process has appended to its files since they were last read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlbench.api import COLUMNS, EpisodeRecord, Job, MetricRecord


class RecordTail:
    """Reader of a job's new metrics and episodes. Records that were copied from an earlier attempt are left out."""

    def __init__(self, job: Job) -> None:
        self._folder, self._since = job.attempt, job.resumed_from
        self._positions = {"metrics": 0, "episodes": 0}

    def metrics(self) -> list[MetricRecord]:
        return [MetricRecord(*row.values()) for row in self._rows("metrics", MetricRecord._fields)]

    def episodes(self) -> list[EpisodeRecord]:
        return [EpisodeRecord(*row.values()) for row in self._rows("episodes", EpisodeRecord._fields)]

    def _rows(self, table: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
        """Return the complete lines after the last line that was read. Never read beyond a broken line."""
        path = Path(self._folder, f"{table}.jsonl")
        try:
            with open(path, "rb") as file:
                file.seek(self._positions[table])
                complete = file.read().rpartition(b"\n")[0]
        except OSError:
            return []  # not there yet, or gone
        rows: list[dict[str, Any]] = []
        optional = sum(column.optional for column in COLUMNS[table])
        for line in complete.split(b"\n") if complete else []:
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not isinstance(row, dict) or len(row) not in (len(fields), len(fields) - optional):
                break
            self._positions[table] += len(line) + 1
            if row.get("step", 0) > self._since:
                rows.append(row)
        return rows
