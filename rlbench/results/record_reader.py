"""Records in Python: a folder's runs, evaluations, episodes and metrics as tidy pandas frames, one row per record.

Columns, dtypes, units and meanings of the records are those of rlbench.api.COLUMNS. The columns `algorithm` (the
label), `environment` and `key` of the run precede them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from rlbench.api import StoreError
from rlbench.results.publication import schema
from rlbench.results.results_index import SCORED, read_arrow
from rlbench.results.run_table import run_table
from rlbench.results.store import Store
from rlbench.results.time_profiles import profile_table

_IDENTITY = ("algorithm", "environment", "key")


class Records:
    """A result folder. Reading takes no lock and works while the suite runs; unpublished results are absent."""

    def __init__(self, folder: str | Path) -> None:
        self._store = Store(Path(folder).expanduser())
        self._store.suite()  # fail now, not later, if the folder has no results

    def runs(self) -> pd.DataFrame:
        """Return one row per run of the suite, finished or not; columns as in rlbench.results.run_table.run_table."""
        return run_table(self._store)

    def evaluations(self) -> pd.DataFrame:
        """Return one row per evaluation of the published runs."""
        return self._records("evaluations")

    def episodes(self) -> pd.DataFrame:
        """Return one row per training episode of the published runs."""
        return self._records("episodes")

    def metrics(self) -> pd.DataFrame:
        """Return one row per number that an algorithm logged in the published runs."""
        return self._records("metrics")

    def profiles(self) -> pd.DataFrame:
        """Return one row per part of each group that ran with `--profile`.

        Columns as in rlbench.results.time_profiles.profile_table.
        """
        return profile_table(self._store)

    def _records(self, table: str) -> pd.DataFrame:
        """Return one table of all published runs; damaged files are left out (`runs()` lists those runs as corrupt)."""
        runs = self._store.runs()
        states = self._store.states(runs)
        tables, identities = [], []
        for run in runs:
            if states[run.key].status not in SCORED:
                continue
            try:
                tables.append(read_arrow(self._store.folder(run), table, states[run.key]))
            except StoreError:
                continue
            identities.append((run.label or run.algorithm, run.task.env_id, str(run.key)))
        counts = [len(part) for part in tables]
        combined = pa.concat_tables(tables) if tables else schema(table).empty_table()
        del tables
        # Lists become views of one buffer; each column is freed as it is converted.
        frame = combined.to_pandas(split_blocks=True, self_destruct=True)
        for position, name in enumerate(_IDENTITY):
            values = pd.array([identity[position] for identity in identities], dtype="str")
            frame.insert(position, name, values.take(np.repeat(np.arange(len(values)), counts)))
        return frame

    def __repr__(self) -> str:
        counts = self.runs()["status"].value_counts()
        summary = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"{type(self).__name__}({str(self._store.root)!r}: {summary})"
