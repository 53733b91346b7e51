"""Two result folders side by side: what was asked of each cell, which runs are the same to the bit, and which went wrong anew."""

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
    """A result folder, read once. runs: one row a run, as rlbench.results.run_table.run_table; asked, states: by run key."""

    store: Store
    runs: pd.DataFrame
    asked: Mapping[str, Run]
    states: Mapping[str, RunState]
    scores: Scores

    @cached_property
    def _cells(self) -> dict[Cell, list[str]]:
        found: dict[Cell, list[str]] = {}
        for key, run in self.asked.items():
            found.setdefault((run.label or run.algorithm, run.task.env_id), []).append(key)
        return found

    def keys_of(self, cell: Cell) -> list[str]:
        return self._cells.get(cell, [])

    def of(self, cell: Cell) -> list[Run]:
        return [self.asked[key] for key in self.keys_of(cell)]


def read_folder(store: Store, anchors: Mapping[str, Anchors] | None = None) -> Folder:
    """Everything of a folder that a comparison asks for. anchors: to be taken before the suite's own and the shipped ones."""
    asked = {str(run.key): run for run in store.runs()}
    suite = store.suite()["suite"]
    tasks = {key: run.task for key, run in asked.items()}
    known = anchors_of(suite, {task.env_id: task for task in tasks.values()}, anchors)
    runs = run_table(store, anchors)
    states = {str(key): state for key, state in store.states(list(asked.values())).items()}
    return Folder(store, runs, asked, states, scores_of(runs, tasks, known, str(suite["name"]), states))


def unlike_tasks(new: Sequence[Run], base: Sequence[Run]) -> str:
    """In what two sides' tasks differ, so that their scores mean different things, as in "steps 20000 and 50000"; or ""."""

    def meant(run: Run) -> dict[str, Any]:
        task, protocol = run.task, run.task.evaluation
        names = ("steps", "kwargs", "wrappers")
        said = {name: json.loads(canonical(getattr(task, name))) for name in names}
        return {**said, "final_episodes": protocol.final_episodes, "policy": protocol.policy}

    ours, theirs = meant(new[0]), meant(base[0])
    return ", ".join(f"{name} {ours[name]} and {theirs[name]}" for name in ours if ours[name] != theirs[name])


def changed_config(new: Sequence[Run], base: Sequence[Run]) -> str:
    """Hyperparameters that are not what they were, as in "target_every 100 → 500"; or ""."""
    ours, theirs = new[0].config, base[0].config
    if all(one.algorithm.startswith(IMPORTED) for one in (new[0], base[0])):
        return ""  # of files that were imported a config names the file
    names = [name for name in {**theirs, **ours} if ours.get(name) != theirs.get(name)]
    said = [f"{name} {json.dumps(theirs.get(name))} → {json.dumps(ours.get(name))}" for name in names]
    if new[0].algorithm != base[0].algorithm:
        said.insert(0, f"algorithm {base[0].algorithm} → {new[0].algorithm}")
    return ", ".join(said)


def identical_runs(new: Folder, base: Folder, cell: Cell) -> int:
    """How many runs of a cell both sides have with the same key and, to the bit, the same evaluations and episodes."""
    shared = set(new.keys_of(cell)) & set(base.keys_of(cell))
    return sum(_same(new, base, key) for key in shared)


def _same(new: Folder, base: Folder, key: str) -> bool:
    run, states = new.asked[key], [side.states[key] for side in (new, base)]
    if not all(state.result for state in states) or states[0].status != states[1].status:
        return False
    try:
        return all(_same_table(new.store, base.store, run, states, table) for table in _RECORDS)
    except StoreError:
        return False  # damaged: the table of runs names it


def _same_table(new: Store, base: Store, run: Run, states: Sequence[RunState], table: str) -> bool:
    """Whether a table's records are equal, times aside; the files' own hashes say so at once where it has no times."""
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
    """A sentence for each run of `new` that failed or diverged where the same run of `base` did not, and one for each of
    those that `base` does not have."""
    before = {(row.algorithm, row.environment, row.seed): row.status for row in base.runs.itertuples(index=False)}
    found = []
    for row in new.runs[new.runs["status"].isin(WENT_WRONG)].itertuples(index=False):
        was = before.get((row.algorithm, row.environment, row.seed))
        if was in WENT_WRONG:
            continue
        then = f"was {was}" if was else "no such run in the base"
        message = " ".join(str(row.message).split())
        found.append(
            f"{row.algorithm} on {row.environment}, seed {row.seed}: {row.status} ({then})"
            + (f": {message}" if message else "")
        )
    return found


def lacking(new: Folder, base: Folder, cell: Cell) -> str:
    """Why a cell of `new` is not whole: runs without a score that `base` has one for, or that are not done; or ""."""
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
