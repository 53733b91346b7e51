"""Results for other programs: the four frames of a result folder as csv or parquet files, each whole or not there.

Spreadsheets run a cell that begins like a formula, so csv text is made harmless; parquet holds everything as recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rlbench.api import COLUMNS, RunStatus
from rlbench.results.file_io import make_folder, replace_file, unwritable
from rlbench.results.publication import schema
from rlbench.results.record_reader import Records
from rlbench.results.run_table import SCORED

_IDENTITY = {
    "algorithm": "the algorithm's name in this suite",
    "environment": "the environment's id",
    "key": "hash of what the run was asked to do",
}
_FORMULA = ("=", "+", "-", "@")
# Control characters; those that stand between words leave a space.
_CONTROLS: Mapping[int, str | None] = {**dict.fromkeys([*range(32), 127]), **dict.fromkeys(b"\t\n\r", " ")}


class Exported(NamedTuple):
    """The rows of each file that was written, and what is said of runs whose files are damaged."""

    rows: dict[Path, int]
    corrupt: tuple[str, ...]


def export(results: Records, folder: Path, form: str) -> Exported:
    """Write runs, evaluations, episodes and metrics into `folder`, replacing what an earlier export left there.

    form: "csv": lists are JSON, NaN an empty cell; text without control characters, behind a single quote where it
    begins with one of = + - @ or a tab or carriage return. "parquet": units and meanings in the fields' metadata.
    All four show one moment: what is published while they are read is in none. Raises: StoreError, DiskFull.
    """
    runs = results.runs()
    published = runs.loc[runs["status"].isin([*SCORED, RunStatus.CORRUPT]), "key"]
    frames = {"runs": runs}
    for table in ("evaluations", "episodes", "metrics"):
        records: pd.DataFrame = getattr(results, table)()
        frames[table] = records[records["key"].isin(published)]
    make_folder(folder)
    rows = {}
    for name, frame in frames.items():
        path = folder / f"{name}.{form}"
        _write(path, name, frame, form)
        rows[path] = len(frame)
    damaged = runs[runs["status"] == RunStatus.CORRUPT]
    told = (f"{r.algorithm} on {r.environment}, seed {r.seed}: {r.message}" for r in damaged.itertuples())
    return Exported(rows, tuple(told))


def _write(path: Path, name: str, frame: pd.DataFrame, form: str) -> None:
    def write(draft: Path) -> None:
        if form == "csv":
            as_cells(frame).to_csv(draft, index=False, lineterminator="\n")
            return
        with open(draft, "wb") as file:  # its own errors have no number, which tells a full disk
            pq.write_table(_as_arrow(name, frame), file, compression="zstd")

    try:
        replace_file(path, write)
    except OSError as error:
        raise unwritable(path, error) from error


def as_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as csv shows it; columns of numbers are not touched."""
    lists = {column.name for columns in COLUMNS.values() for column in columns if column.dtype.startswith("list<")}
    cells = frame.copy()
    for name in frame.columns:
        if name in lists:
            cells[name] = [json.dumps(np.asarray(values).tolist()) for values in frame[name]]
        elif not pd.api.types.is_numeric_dtype(frame[name]):
            known = {text: harmless(str(text)) for text in frame[name].unique()}
            cells[name] = frame[name].map(known)
    return cells


def harmless(text: str) -> str:
    """Text that a spreadsheet shows and does not run."""
    clean = text.translate(_CONTROLS)
    return f"'{clean}" if text.startswith(("\t", "\r")) or clean.lstrip().startswith(_FORMULA) else clean


def _as_arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    if name not in COLUMNS:
        return pa.Table.from_pandas(frame, preserve_index=False)
    recorded = schema(name)
    identity = [pa.field(n, pa.string(), metadata={"unit": "", "meaning": text}) for n, text in _IDENTITY.items()]
    whole = pa.schema([*identity, *recorded], metadata=recorded.metadata)
    if frame.empty:  # the identity's columns then have no type
        return whole.empty_table()
    # A recorded NaN stays one: pandas' own conversion would make it null.
    arrays = [pa.array(frame[field.name].to_numpy(), field.type, from_pandas=False) for field in whole]
    return pa.Table.from_arrays(arrays, schema=whole)
