"""Repair of published tables that are missing or damaged. They are rebuilt from the JSON lines of their attempt.

A rebuilt table replaces the old one only if its sha256 equals the one in result.json.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from rlbench.api import Run, StoreError
from rlbench.results.attempt_files import describe_attempt, member_of, read_attempt_lines
from rlbench.results.file_io import file_hash, refuse_outside, replace_file
from rlbench.results.jsonl_records import TABLES
from rlbench.results.publication import write_table
from rlbench.results.run_facts import read_verified
from rlbench.results.run_states import RunState
from rlbench.results.store import Store


class _HashMismatch(Exception):
    """The rebuilt table differs from the published one."""


_FAILURES = (_HashMismatch, StoreError, OSError, ValueError, TypeError, KeyError, OverflowError)


def restore_tables(store: Store, run: Run, state: RunState) -> list[str]:
    """Rebuild a run's damaged tables where possible. Returns: the names of the restored files."""
    folder, restored = store.folder(run), []
    refuse_outside(store.root, folder)
    for table in _damaged_tables(folder, state):
        with suppress(*_FAILURES):
            replace_file(folder / f"{table}.parquet", partial(_rebuild, store, run, state, table))
            restored.append(f"{table}.parquet")
    return restored


def restorable_tables(store: Store, run: Run, state: RunState) -> list[str]:
    """Return the names of the damaged tables that `restore_tables` would restore. Rebuild each in a scratch folder."""
    restorable = []
    with tempfile.TemporaryDirectory(prefix="rlbench-") as scratch:
        for table in _damaged_tables(store.folder(run), state):
            with suppress(*_FAILURES):
                _rebuild(store, run, state, table, Path(scratch, table))
                restorable.append(f"{table}.parquet")
    return restorable


def _damaged_tables(folder: Path, state: RunState) -> Iterator[str]:
    for table in TABLES:
        if f"{table}.parquet" in state.result["files"]:
            try:
                read_verified(folder, table, state)
            except StoreError:
                yield table


def _rebuild(store: Store, run: Run, state: RunState, table: str, draft: Path) -> None:
    """Write a table from its attempt's lines. Raises: one of _FAILURES if it does not have the published hash."""
    attempt = store.root / "attempts" / state.attempt
    member = member_of(describe_attempt(attempt), run.key)
    own = [{**row, "seed": run.seed} for row in read_attempt_lines(attempt, table) if row["seed"] == member]
    write_table(draft, table, own)
    if file_hash(draft) != state.result["files"][f"{table}.parquet"]["sha256"]:
        raise _HashMismatch
