"""Comparison of two result folders: the request of each cell, bitwise identical runs, and runs that newly failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rlbench.analysis.final_scores import Scores, scores_of
from rlbench.api import COLUMNS, Run, RunStatus, StoreError, canonical
from rlbench.results import RunState, Store
from rlbench.results.requested_runs import IMPORTED
from rlbench.results.run_table import read_table, run_table
from rlbench.results.score_anchors import Anchors, anchors_of

if TYPE_CHECKING:
    import pandas as pd

Cell = tuple[str, str]  # label, environment
WENT_WRONG = (RunStatus.FAILED, RunStatus.TIMEOUT, RunStatus.STALLED, RunStatus.CORRUPT, RunStatus.DIVERGED)
_RECORDS = ("evaluations", "episodes")


@dataclass(frozen=True)
class Folder:
    """A result folder, read once. runs: the run_table, one row a run. planned, states: by run key."""

    store: Store
    runs: pd.DataFrame
    planned: Mapping[str, Run]
    states: Mapping[str, RunState]
    scores: Scores

    @cached_property
    def _cells(self) -> dict[Cell, list[str]]:
        keys: dict[Cell, list[str]] = {}
        for key, run in self.planned.items():
            keys.setdefault((run.label or run.algorithm, run.task.env_id), []).append(key)
        return keys

    def keys_of(self, cell: Cell) -> list[str]:
        return self._cells.get(cell, [])

    def of(self, cell: Cell) -> list[Run]:
        return [self.planned[key] for key in self.keys_of(cell)]


def read_folder(store: Store, anchors: Mapping[str, Anchors] | None = None) -> Folder:
    """Read all of a folder that a comparison needs.

    anchors: take precedence over the suite's own and the shipped ones.
    """
    planned = {str(run.key): run for run in store.runs()}
    suite = store.suite()["suite"]
    tasks = {key: run.task for key, run in planned.items()}
    all_anchors = anchors_of(suite, {task.env_id: task for task in tasks.values()}, anchors)
    runs = run_table(store, anchors)
    states = {str(key): state for key, state in store.states(list(planned.values())).items()}
    return Folder(store, runs, planned, states, scores_of(runs, tasks, all_anchors, str(suite["name"]), states))


def task_differences(new: Sequence[Run], base: Sequence[Run]) -> str:
    """Return how two sides' tasks differ, so that their scores mean different things, or "".

    Example: "steps 20000 and 50000".
    """

    def settings(run: Run) -> dict[str, Any]:
        task, protocol = run.task, run.task.evaluation
        names = ("steps", "kwargs", "wrappers")
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


def identical_runs(new: Folder, base: Folder, cell: Cell) -> int:
    """Count the runs of a cell with the same key and bitwise equal evaluations and episodes on both sides."""
    shared = set(new.keys_of(cell)) & set(base.keys_of(cell))
    return sum(_same(new, base, key) for key in shared)


def _same(new: Folder, base: Folder, key: str) -> bool:
    run, states = new.planned[key], [side.states[key] for side in (new, base)]
    if not all(state.result for state in states) or states[0].status != states[1].status:
        return False
    try:
        return all(_same_table(new.store, base.store, run, states, table) for table in _RECORDS)
    except StoreError:
        return False  # damaged: the run_table reports it


def _same_table(new: Store, base: Store, run: Run, states: Sequence[RunState], table: str) -> bool:
    """Return whether a table's records are equal, apart from times.

    Equal file hashes already settle it. Otherwise the columns without times are compared.
    """
    digests = [state.result["files"].get(f"{table}.parquet", {}).get("sha256") for state in states]
    if digests[0] == digests[1]:
        return True
    columns = [column.name for column in COLUMNS[table] if not column.timing]
    ours, theirs = (read_table(store.folder(run), table, state, columns) for store, state in zip((new, base), states))
    for column in COLUMNS[table]:
        if column.dtype.startswith("list") and not column.timing:
            ours[column.name], theirs[column.name] = (side[column.name].map(tuple) for side in (ours, theirs))
    return bool(ours.equals(theirs))


def gone_wrong(new: Folder, base: Folder) -> list[str]:
    """Return one sentence for each run of `new` that failed or diverged and did not do so in `base`.

    This includes runs that do not exist in `base`.
    """
    before = {(row.algorithm, row.environment, row.seed): row.status for row in base.runs.itertuples(index=False)}
    sentences = []
    for row in new.runs[new.runs["status"].isin(WENT_WRONG)].itertuples(index=False):
        was = before.get((row.algorithm, row.environment, row.seed))
        if was in WENT_WRONG:
            continue
        then = f"was {was}" if was else "no such run in the base"
        message = " ".join(str(row.message).split())
        sentences.append(
            f"{row.algorithm} on {row.environment}, seed {row.seed}: {row.status} ({then})"
            + (f": {message}" if message else "")
        )
    return sentences


def missing_scores(new: Folder, base: Folder, cell: Cell) -> str:
    """Return why a cell of `new` is incomplete, or "".

    It is incomplete if a run has no score although the same seed has one in `base`, or `base` has no such run.
    """
    sides = [
        side.runs[(side.runs["algorithm"] == cell[0]) & (side.runs["environment"] == cell[1])] for side in (new, base)
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
