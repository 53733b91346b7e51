"""Published runs as tidy pandas frames, one row per run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from rlbench.results.run_facts import read_arrow
from rlbench.results.run_rows import RunRow
from rlbench.results.run_states import RunState


def run_table(rows: Iterable[RunRow]) -> pd.DataFrame:
    """Return a frame with one row for each run of a suite; the columns are the fields of `RunRow`."""
    return pd.DataFrame(list(rows), columns=list(RunRow._fields))


def read_table(folder: Path, table: str, state: RunState, columns: list[str] | None = None) -> pd.DataFrame:
    """Read one table of a published run. Raises: StoreError if the file does not have the hash in result.json."""
    return read_arrow(folder, table, state, columns).to_pandas()
