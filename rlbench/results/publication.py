"""Publication of an attempt's JSON lines as a run: parquet tables, the final policy, and result.json as commit."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import save_file

from rlbench.api import COLUMNS, Array, Run
from rlbench.process_control import failpoint
from rlbench.results.arrow_tables import table as as_table
from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import file_hash, publish_file, replace_file
from rlbench.results.jsonl_records import TABLES, read_lines
from rlbench.results.parquet_writer import write_parquet
from rlbench.results.record_checks import check_counts

SCHEMA_VERSION = 1
_TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "list<float64>": pa.list_(pa.float64()),
    "list<int64>": pa.list_(pa.int64()),
    "list<list<float64>>": pa.list_(pa.list_(pa.float64())),
}


def schema(table: str, optional: Collection[str] = ()) -> pa.Schema:
    """Return the Arrow schema of a table, with units and meanings in the metadata of its fields.

    optional: the optional columns that this table has.
    """
    return pa.schema(
        [
            pa.field(c.name, _TYPES[c.dtype], metadata={"unit": c.unit, "meaning": c.meaning})
            for c in COLUMNS[table]
            if not c.optional or c.name in optional
        ],
        metadata={"rlbench.schema_version": str(SCHEMA_VERSION)},
    )


AttemptRecords = Mapping[str, Mapping[int, Sequence[Mapping[str, Any]]]]


def read_records(attempt: Path) -> AttemptRecords:
    """Read an attempt's rows, by table and member of the group, in one pass. Raises: StoreError for a broken line."""
    records: dict[str, dict[int, list[Mapping[str, Any]]]] = {table: {} for table in TABLES}
    for table, by_seed in records.items():
        for row in read_lines(attempt / f"{table}.jsonl"):
            by_seed.setdefault(row["seed"], []).append(row)
    return records


def publish(
    folder: Path,
    run: Run,
    attempt: Path,
    policy: Mapping[str, Array],
    facts: Mapping[str, Any],
    records: AttemptRecords | None = None,
    member: int | None = None,
) -> bool:
    """Write all files of one finished run into its folder, result.json last: a link that only one writer can create.

    records: the answer of `read_records` for the attempt, if it is already read. member: the run's number in these
    records, if this is not its seed. Returns: False if the run was already published; its files are then unchanged.
    Raises: StoreError if the records are not those of exactly one run.
    """
    records = read_records(attempt) if records is None else records
    with _held(folder):
        if (folder / "result.json").exists():
            return False
        return _publish(folder, run, attempt, policy, facts, records, run.seed if member is None else member)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock a run's folder, so that no other process replaces its tables before result.json records their hashes.

    The kernel frees the lock when the process ends. On a file system without locks, there is only the link as a guard.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _publish(
    folder: Path,
    run: Run,
    attempt: Path,
    policy: Mapping[str, Array],
    facts: Mapping[str, Any],
    records: AttemptRecords,
    member: int,
) -> bool:
    files: dict[str, dict[str, Any]] = {}
    own = {table: [{**row, "seed": run.seed} for row in records[table].get(member, ())] for table in TABLES}
    check_counts(run, own, metered=facts.get("metering") != "self-reported")
    for table, rows in own.items():
        path = folder / f"{table}.parquet"
        replace_file(path, partial(write_table, table=table, rows=rows))
        files[path.name] = {"sha256": file_hash(path), "rows": len(rows)}
        failpoint(f"published-{table}")
    if policy:
        path = folder / "policy.safetensors"
        replace_file(path, lambda draft: save_file({name: _contiguous(a) for name, a in policy.items()}, draft))
        files[path.name] = {"sha256": file_hash(path), "rows": 0}
        failpoint("published-policy")
    failpoint("publish-result")
    result = {"schema_version": SCHEMA_VERSION, "key": run.key, "attempt": attempt.name, **facts, "files": files}
    return publish_file(folder / "result.json", json.dumps(with_checksum(result), indent=1) + "\n")


def write_table(path: Path, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a run's rows as its published table; equal rows give equal bytes."""
    given = {c.name for c in COLUMNS[table] if c.optional and any(c.name in row for row in rows)}
    write_parquet(path, as_table(rows, schema(table, given)))


def optional_columns(table: str, result: Mapping[str, Any]) -> list[str]:
    """Return the names of the optional columns in a published table. result: the run's result.json."""
    return [c.name for c in COLUMNS[table] if c.optional] if result.get("agents") else []


def _contiguous(array: Array) -> Array:
    return np.array(array, order="C")  # an entry of an array [S] is a numpy scalar, and must become an array
