"""Results for other programs: the four frames of a result folder as csv or parquet files, each written atomically.

Spreadsheets execute a cell that begins like a formula, so text in csv files is escaped; parquet files keep every text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from rlbench.api import COLUMNS, RunStatus
from rlbench.results.file_io import make_folder, replace_file, unwritable
from rlbench.results.parquet_writer import write_parquet
from rlbench.results.publication import schema

_IDENTITY = {
    "algorithm": "the algorithm's name in this suite",
    "environment": "the environment's label, or its id",
    "key": "hash of the run's algorithm, configuration, task and seed",
}
_FORMULA = ("=", "+", "-", "@")
# Control characters and invisible ones. Tabs and line breaks become spaces; the others are removed.
_INVISIBLE = (
    *range(32),
    *range(127, 160),
    0xAD,
    0x061C,
    0x180E,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
)
_CONTROLS: Mapping[int, str | None] = {**dict.fromkeys(_INVISIBLE), **dict.fromkeys(b"\t\n\r", " ")}


class ExportSummary(NamedTuple):
    """The number of rows in each written file, and a message for each run with damaged files."""

    rows: dict[Path, int]
    corrupt: tuple[str, ...]


def export(frames: Mapping[str, pd.DataFrame], folder: Path, form: str) -> ExportSummary:
    """Write one file for each frame into `folder`, replacing the files of an earlier export.

    frames: the frames "runs", "evaluations", "episodes" and "metrics", read at the same moment.
    form: "csv" writes lists as JSON and NaN as an empty cell, removes control characters from text, and puts a single
    quote before text that begins with one of = + - @, a tab or a carriage return. "parquet" stores units and meanings
    in the fields' metadata.
    Raises: StoreError, DiskFull.
    """
    runs = frames["runs"]
    make_folder(folder)
    rows = {}
    for name, frame in frames.items():
        path = folder / f"{name}.{form}"
        _write(path, name, frame, form)
        rows[path] = len(frame)
    damaged = runs[runs["status"] == RunStatus.CORRUPT]
    messages = (f"{r.algorithm} on {r.environment}, seed {r.seed}: {r.message}" for r in damaged.itertuples())
    return ExportSummary(rows, tuple(messages))


def _write(path: Path, name: str, frame: pd.DataFrame, form: str) -> None:
    def write(draft: Path) -> None:
        if form == "csv":
            as_cells(frame).to_csv(draft, index=False, lineterminator="\n")
            return
        write_parquet(draft, _as_arrow(name, frame))

    try:
        replace_file(path, write)
    except OSError as error:
        raise unwritable(path, error) from error


def as_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of the frame for csv: lists as JSON, and text escaped. Numeric columns are unchanged."""
    lists = {column.name for columns in COLUMNS.values() for column in columns if column.dtype.startswith("list<")}
    cells = frame.copy()
    for name in frame.columns:
        if name in lists:
            cells[name] = [json.dumps(np.asarray(values).tolist()) for values in frame[name]]
        elif not pd.api.types.is_numeric_dtype(frame[name]):
            escaped = {text: escape_formula(str(text)) for text in frame[name].unique()}
            cells[name] = frame[name].map(escaped)
    return cells


def escape_formula(text: str) -> str:
    """Return text that a spreadsheet displays and does not execute."""
    clean = text.translate(_CONTROLS)
    return f"'{clean}" if text.startswith(("\t", "\r")) or clean.lstrip().startswith(_FORMULA) else clean


def _as_arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    if name not in COLUMNS:
        return pa.Table.from_pandas(frame, preserve_index=False)
    recorded = schema(name)
    identity = [pa.field(n, pa.string(), metadata={"unit": "", "meaning": text}) for n, text in _IDENTITY.items()]
    known = {*_IDENTITY, *recorded.names}
    by_agent = [
        pa.field(column, pa.float64(), metadata={"unit": "reward", "meaning": "return of this agent"})
        for column in frame.columns
        if column not in known
    ]
    combined = pa.schema([*identity, *recorded, *by_agent], metadata=recorded.metadata)
    if frame.empty:  # the identity columns of an empty frame have no type
        return combined.empty_table()
    # A recorded NaN must stay NaN; the conversion of pandas would make it null.
    arrays = [pa.array(frame[field.name].to_numpy(), field.type, from_pandas=False) for field in combined]
    return pa.Table.from_arrays(arrays, schema=combined)
