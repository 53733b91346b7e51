"""Records of published runs as tidy pandas frames: evaluations, episodes and metrics, one row per record.

Columns, dtypes, units and meanings of the records are those of rlbench.api.COLUMNS. The columns `algorithm` (the
label), `environment` and `key` of the run precede them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from rlbench.api import Run, StoreError
from rlbench.results.publication import schema
from rlbench.results.results_index import read_arrow
from rlbench.results.store import RunState, Store

_IDENTITY = ("algorithm", "environment", "key")


def record_frame(store: Store, runs: Iterable[Run], states: Mapping[str, RunState], table: str) -> pd.DataFrame:
    """Return one table of all published runs. Damaged files are left out; the run table lists those runs as corrupt."""
    tables, identities = [], []
    for run in runs:
        if not states[run.key].status.has_score or not _rows_of(states[run.key], table):
            continue
        try:
            tables.append(read_arrow(store.folder(run), table, states[run.key]))
        except StoreError:
            continue
        identities.append((run.label or run.algorithm, run.task.name, str(run.key)))
    counts = [len(part) for part in tables]
    combined = pa.concat_tables(tables) if tables else schema(table).empty_table()
    del tables
    # Lists become views of one buffer; each column is freed as it is converted.
    frame = combined.to_pandas(split_blocks=True, self_destruct=True)
    for position, name in enumerate(_IDENTITY):
        values = pd.array([identity[position] for identity in identities], dtype="str")
        frame.insert(position, name, values.take(np.repeat(np.arange(len(values)), counts)))
    return frame


def _rows_of(state: RunState, table: str) -> int:
    """Return how many rows a published table has, without opening it."""
    return int(state.result["files"].get(f"{table}.parquet", {}).get("rows", 1))
