"""Records of published runs as tidy pandas frames: evaluations, episodes and metrics, one row per record.

The first columns are the run's `algorithm` (its label), `environment` and `key`. The columns of `rlbench.api.COLUMNS`
follow, with their types and units, and in multi-agent runs a column for each agent's return.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from rlbench.api import Run, StoreError
from rlbench.results.parquet_reader import numbers
from rlbench.results.publication import schema
from rlbench.results.run_facts import read_arrow
from rlbench.results.run_states import RunState
from rlbench.results.store import Store

_AGENT_RETURNS = "agent_returns"
_IDENTITY = ("algorithm", "environment", "key")


def record_frame(store: Store, runs: Iterable[Run], states: Mapping[str, RunState], table: str) -> pd.DataFrame:
    """Return one table of all published runs. Leave out damaged files; the run table lists their runs as corrupt."""
    tables, identities = [], []
    for run in runs:
        if not states[run.key].status.has_score or not _rows_of(states[run.key], table):
            continue
        try:
            rows = read_arrow(store.folder(run), table, states[run.key])
            tables.append(with_agent_columns(rows, states[run.key].result.get("agents") or ()))
        except StoreError:
            continue
        identities.append((run.label or run.algorithm, run.task.name, str(run.key)))
    counts = [len(part) for part in tables]
    combined = pa.concat_tables(tables, promote_options="default") if tables else schema(table).empty_table()
    del tables
    # Lists become views of one buffer, and each column is freed once it is converted, to save memory.
    frame = combined.to_pandas(split_blocks=True, self_destruct=True)
    for position, name in enumerate(_IDENTITY):
        values = pd.array([identity[position] for identity in identities], dtype="str")
        frame.insert(position, name, values.take(np.repeat(np.arange(len(values)), counts)))
    return frame


def with_agent_columns(rows: pa.Table, agents: Sequence[str]) -> pa.Table:
    """Return the table with a column for each agent in place of `agent_returns`.

    return_<agent>: the agent's return in an episode. return_mean_<agent>: its mean over an evaluation's episodes.
    Raises: StoreError if a row does not have one return for each agent.
    """
    if _AGENT_RETURNS not in rows.column_names:
        return rows
    nested, plain = rows[_AGENT_RETURNS].combine_chunks(), rows.drop_columns([_AGENT_RETURNS])
    is_evaluation = pa.types.is_list(nested.type.value_type)
    episodes = np.diff(nested.offsets) if is_evaluation else np.ones(len(nested), np.int64)
    each = nested.flatten() if is_evaluation else nested
    if set(np.diff(each.offsets).tolist()) - {len(agents)} or not episodes.all():
        raise StoreError(f"{_AGENT_RETURNS} does not have a return for each of {len(agents)} agents")
    returns = numbers(each.flatten()).reshape(-1, len(agents))
    starts = np.cumsum(episodes) - episodes
    means = np.add.reduceat(returns, starts) / episodes[:, None] if len(starts) else returns
    prefix = "return_mean_" if is_evaluation else "return_"
    for i, agent in enumerate(agents):
        plain = plain.append_column(f"{prefix}{agent}", pa.array(means[:, i]))
    return plain


def _rows_of(state: RunState, table: str) -> int:
    """Return how many rows a published table has, without opening it."""
    return int(state.result["files"].get(f"{table}.parquet", {}).get("rows", 1))
