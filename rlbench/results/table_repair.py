"""Repair of missing or damaged published tables, which are rebuilt from the JSON lines of their attempt.

A rebuilt table replaces the old one only if its sha256 equals the one in result.json.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

from rlbench.api import Run, StoreError
from rlbench.results.file_io import file_hash, refuse_outside, replace_file
from rlbench.results.jsonl_records import TABLES, read_lines
from rlbench.results.publication import write_table
from rlbench.results.results_index import read_verified
from rlbench.results.store import RunState, Store


class _HashMismatch(Exception):
    """The rebuilt table differs from the published one."""


def restore_tables(store: Store, run: Run, state: RunState) -> list[str]:
    """Rebuild a run's damaged tables where possible. Returns: the names of the restored files."""
    folder, restored = store.folder(run), []
    refuse_outside(store.root, folder)
    for table in TABLES:
        name = f"{table}.parquet"
        if name not in state.result["files"]:
            continue
        try:
            read_verified(folder, table, state)
        except StoreError:
            with suppress(_HashMismatch, StoreError, OSError, ValueError, TypeError, KeyError, OverflowError):
                lines = read_lines(store.root / "attempts" / state.attempt / f"{table}.jsonl")
                rows = [row for row in lines if row["seed"] == run.seed]
                digest = state.result["files"][name]["sha256"]
                replace_file(folder / name, partial(_write, table=table, rows=rows, digest=digest))
                restored.append(name)
    return restored


def _write(draft: Path, table: str, rows: list[dict[str, object]], digest: str) -> None:
    write_table(draft, table, rows)
    if file_hash(draft) != digest:
        raise _HashMismatch
