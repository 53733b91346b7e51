"""Differences between two result folders: in tasks, hyperparameters, records and failed runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rlbench.analysis.suite_results import Results
from rlbench.api import COLUMNS, Run, RunStatus, StoreError, canonical
from rlbench.results import RunState, Store
from rlbench.results.publication import optional_columns
from rlbench.results.requested_runs import IMPORTED
from rlbench.results.run_table import read_table

Cell = tuple[str, str]  # label, environment
_RECORDS = ("evaluations", "episodes")


def task_differences(new: Sequence[Run], base: Sequence[Run]) -> str:
    """Return the settings in which the tasks of two sides differ, or "". Scores of different tasks are not compared.

    Example: "steps 20000 and 50000".
    """

    def settings(run: Run) -> dict[str, Any]:
        task, protocol = run.task, run.task.evaluation
        names = ("steps", "kwargs", "reset_options", "wrappers", "curriculum")
        values = {name: json.loads(canonical(getattr(task, name))) for name in names}
        return {**values, "final_episodes": protocol.final_episodes, "policy": protocol.policy}

    ours, theirs = settings(new[0]), settings(base[0])
    return ", ".join(f"{name} {ours[name]} and {theirs[name]}" for name in ours if ours[name] != theirs[name])


def config_changes(new: Sequence[Run], base: Sequence[Run]) -> str:
    """Return the hyperparameters that changed, as in "target_update_interval 100 → 500", or ""."""
    ours, theirs = new[0].config, base[0].config
    if all(one.algorithm.startswith(IMPORTED) for one in (new[0], base[0])):
        return ""  # the config of an import only names its file
    names = [name for name in {**theirs, **ours} if ours.get(name) != theirs.get(name)]
    changes = [f"{name} {json.dumps(theirs.get(name))} → {json.dumps(ours.get(name))}" for name in names]
    if new[0].algorithm != base[0].algorithm:
        changes.insert(0, f"algorithm {base[0].algorithm} → {new[0].algorithm}")
    return ", ".join(changes)


def keys_of(results: Results, cell: Cell) -> list[str]:
    """Return the keys of all runs of a cell, whether or not they have a score."""
    label, environment = cell
    rows = results.rows_by_cell.get((environment, label))
    return [] if rows is None else [str(key) for key in rows["key"]]


def runs_of(results: Results, cell: Cell) -> list[Run]:
    return [results.run_by_key[key] for key in keys_of(results, cell)]


def identical_runs(new: Results, base: Results, cell: Cell) -> int:
    """Count the runs of a cell with the same key and bitwise equal evaluations and episodes on both sides."""
    shared = set(keys_of(new, cell)) & set(keys_of(base, cell))
    return sum(_same(new, base, key) for key in shared)


def _same(new: Results, base: Results, key: str) -> bool:
    run, states = new.run_by_key[key], [side.states[key] for side in (new, base)]
    if not all(state.result for state in states) or states[0].status != states[1].status:
        return False
    try:
        return all(_same_table(new.store, base.store, run, states, table) for table in _RECORDS)
    except StoreError:
        return False  # a table is damaged, which the run table reports


def _same_table(new: Store, base: Store, run: Run, states: Sequence[RunState], table: str) -> bool:
    """Return whether a table's records are equal, apart from times.

    Files with equal hashes are equal. If the hashes differ, all columns except those that contain times are compared.
    """
    digests = [state.result["files"].get(f"{table}.parquet", {}).get("sha256") for state in states]
    if digests[0] == digests[1]:
        return True
    if optional_columns(table, states[0].result) != optional_columns(table, states[1].result):
        return False
    optional = optional_columns(table, states[0].result)
    columns = [c.name for c in COLUMNS[table] if not c.timing and (not c.optional or c.name in optional)]
    ours, theirs = (read_table(store.folder(run), table, state, columns) for store, state in zip((new, base), states))
    for column in COLUMNS[table]:
        if column.dtype.startswith("list") and column.name in columns:
            ours[column.name], theirs[column.name] = (side[column.name].map(_as_tuple) for side in (ours, theirs))
    return bool(ours.equals(theirs))


def _as_tuple(values: Any) -> Any:
    """Convert a list or array, and those inside it, to tuples, which can be compared."""
    return tuple(map(_as_tuple, values)) if hasattr(values, "__len__") else values


def _went_wrong(status: RunStatus) -> bool:
    return status.is_failure or status in (RunStatus.CORRUPT, RunStatus.DIVERGED)


def gone_wrong(new: Results, base: Results) -> list[str]:
    """Return one sentence for each run that failed, diverged or is damaged in `new` but not in `base`.

    Runs that do not exist in `base` are included.
    """
    before = {(row.algorithm, row.environment, row.seed): row.status for row in base.table.itertuples(index=False)}
    sentences = []
    for row in new.table.itertuples(index=False):
        if not _went_wrong(RunStatus(row.status)):
            continue
        was = before.get((row.algorithm, row.environment, row.seed))
        if was and _went_wrong(RunStatus(was)):
            continue
        then = f" (was {was})" if was else " (no such run in the base)"
        which = f"{row.algorithm} on {row.environment}, seed {row.seed}"
        sentences.append(f"{which}: {RunStatus(row.status).describe(str(row.message), then)}")
    return sentences


def missing_scores(new: Results, base: Results, cell: Cell) -> str:
    """Return how many runs of a cell of `new` lack a score, by status, or "" if none does.

    A run does not count if the run with the same seed in `base` lacks a score too. Example: "2 failed of 10 runs, so it
    cannot pass".
    """
    sides = [
        side.table[(side.table["algorithm"] == cell[0]) & (side.table["environment"] == cell[1])]
        for side in (new, base)
    ]
    without = sides[0][sides[0]["score"].isna()]
    lost_before = set(sides[1].loc[sides[1]["score"].isna(), "seed"])
    counted = without[~without["seed"].isin(lost_before)]["status"].value_counts().sort_index()
    if counted.empty:
        return ""
    return (
        ", ".join(f"{count} {status}" for status, count in counted.items())
        + f" of {len(sides[0])} runs, so it cannot pass"
    )
