"""A published table that is gone or damaged, made again from the lines of the attempt that it was made of.

The sha256 in result.json says whether it is the same file again; any other is not put in its place.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

from rlbench.api import Run, StoreError
from rlbench.results.file_io import file_hash, refuse_outside, replace_file
from rlbench.results.jsonl_records import TABLES, read_lines
from rlbench.results.publication import write_table
from rlbench.results.results_index import verified
from rlbench.results.store import RunState, Store


class _Differs(Exception):
    """What was made is not what was published."""


def restore_tables(store: Store, run: Run, state: RunState) -> list[str]:
    """Make a run's damaged tables again, as far as that is possible. Returns: the names of those that were restored."""
    folder, restored = store.folder(run), []
    refuse_outside(store.root, folder)
    for table in TABLES:
        name = f"{table}.parquet"
        if name not in state.result["files"]:
            continue
        try:
            verified(folder, table, state)
        except StoreError:
            with suppress(_Differs, StoreError, OSError, ValueError, TypeError, KeyError, OverflowError):
                lines = read_lines(store.root / "attempts" / state.attempt / f"{table}.jsonl")
                rows = [row for row in lines if row["seed"] == run.seed]
                digest = state.result["files"][name]["sha256"]
                replace_file(folder / name, partial(_write, table=table, rows=rows, digest=digest))
                restored.append(name)
    return restored


def _write(draft: Path, table: str, rows: list[dict[str, object]], digest: str) -> None:
    write_table(draft, table, rows)
    if file_hash(draft) != digest:
        raise _Differs
