"""Records while a group runs: JSON lines in the attempt's folder, one file per table, one object per line.

Each line is passed to the kernel before the next record is accepted, so a killed process loses at most a part of the
last line. If a run forks its process (`os.fork`), the child shares these files. It must not write: it exits instead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from rlbench.api import COLUMNS, EpisodeRecord, EvaluationRecord, MetricRecord, StoreError
from rlbench.disk_errors import disk_error, sync, writing
from rlbench.results.file_io import read_bytes, refuse_too_many_values, unreadable

TABLES = tuple(COLUMNS)
_NAMES = {table: [column.name for column in columns] for table, columns in COLUMNS.items()}


def as_row(table: str, record: EpisodeRecord | EvaluationRecord | MetricRecord) -> dict[str, Any]:
    """Return a record as a mapping from its table's column names to values; leave out `agent_returns` if empty."""
    row = dict(zip(_NAMES[table], record))
    return row if row.get("agent_returns", True) else {k: v for k, v in row.items() if k != "agent_returns"}


class Earlier(NamedTuple):
    """The records of a run in an earlier attempt.

    member: the run's number there. positions: for each table, the end in bytes of the records to copy.
    """

    attempt: Path
    positions: Mapping[str, int]
    member: int


class JsonlSink:
    """The writer of an attempt's records (see rlbench.runtime.record_sink.Sink).

    history: for each member of the group that resumes, its records in an earlier attempt; they are copied. Raises:
    StoreError if these records are damaged or incomplete. Methods raise DiskFull or OSError. After a record was lost,
    every method raises the same error again, because the algorithm may have caught it and continued.
    """

    def __init__(self, folder: Path, history: Mapping[int, Earlier] | None = None) -> None:
        self._process, self._folder = os.getpid(), folder
        self._lost: Exception | None = None
        with writing(folder):
            self._files = {table: open(folder / f"{table}.jsonl", "w", encoding="utf-8") for table in TABLES}  # noqa: SIM115
        try:
            self._copy(history or {})
        except BaseException:
            self.close()
            raise

    def _copy(self, history: Mapping[int, Earlier]) -> None:
        for table in TABLES:
            members: dict[tuple[Path, int], dict[int, int]] = {}  # by file and end: the new member by the earlier one
            for member, earlier in history.items():
                place = earlier.attempt / f"{table}.jsonl", earlier.positions[table]
                members.setdefault(place, {})[earlier.member] = member
            for (path, end), now in members.items():
                for row in read_lines(path, end):
                    if row["seed"] in now:
                        self._write(table, {**row, "seed": now[row["seed"]]})

    def _write(self, table: str, row: Mapping[str, Any]) -> None:
        exit_if_forked(self._process)
        self._refuse_gaps()
        file, text = self._files[table], json.dumps(row)
        if "\\ud" in text:  # a plugin's name may contain half of a surrogate pair, which parquet cannot store
            text = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace").decode()
        try:
            file.write(text + "\n")
            file.flush()
        except OSError as error:
            self._lose(error)

    def episode(self, record: EpisodeRecord) -> None:
        self._write("episodes", as_row("episodes", record))

    def evaluation(self, record: EvaluationRecord) -> None:
        self._write("evaluations", as_row("evaluations", record))

    def metric(self, record: MetricRecord) -> None:
        self._write("metrics", as_row("metrics", record))

    def positions(self) -> dict[str, int]:
        exit_if_forked(self._process)
        self._refuse_gaps()
        try:
            for file in self._files.values():
                os.fsync(file.fileno())
            sync(self._folder)
        except OSError as error:
            self._lose(error)
        return {table: file.tell() for table, file in self._files.items()}

    def close(self) -> None:
        for file in self._files.values():
            try:
                file.close()
            except OSError as error:
                self._lost = disk_error(self._folder, error) or error
        self._refuse_gaps()

    def _lose(self, error: OSError) -> NoReturn:
        self._lost = disk_error(self._folder, error) or error
        raise self._lost from error

    def _refuse_gaps(self) -> None:
        if self._lost is not None:
            raise self._lost


def exit_if_forked(process: int) -> None:
    """Exit at once and silently if this process is not `process`: a fork of a run must not write."""
    if os.getpid() != process:
        os._exit(1)


def read_lines(path: Path, end: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file up to byte `end`; ignore an incomplete last line.

    Raises: StoreError if an earlier line is broken (with its number), the file cannot be read, or it ends before `end`.
    """
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        content = b""
    except OSError as error:
        raise unreadable(path, error) from error
    if end is not None and len(content) < end:
        raise StoreError(f"{path} has lost records: {end:,} bytes were written, and {len(content):,} are left")
    yield from parse_lines(content[:end], str(path))


def parse_lines(content: bytes, where: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file's content; ignore an incomplete last line.

    where: the file, for errors. Raises: StoreError with the line number if an earlier line is broken.
    """
    text = content.decode("utf-8", errors="replace")
    complete, _, _ = text.rpartition("\n")
    for number, line in enumerate(complete.split("\n") if complete else [], 1):
        try:
            refuse_too_many_values(line.encode())
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{where}:{number}: not a record: {line[:60]!r}") from error
        if not isinstance(row, dict) or not isinstance(row.get("seed"), int):
            raise StoreError(f"{where}:{number}: not a record: {line[:60]!r}")
        yield row
