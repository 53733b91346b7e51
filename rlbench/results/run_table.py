"""Published runs as tidy pandas frames, one row a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rlbench.api import Run, RunStatus
from rlbench.results.random_policy import is_random
from rlbench.results.results_index import SCORED, Facts, read_arrow, read_facts
from rlbench.results.score_anchors import Anchors, anchors_of
from rlbench.results.store import RunState, Store

__all__ = ["COLUMNS", "SCORED", "read_table", "run_table"]

COLUMNS = [
    "algorithm",
    "id",
    "environment",
    "seed",
    "key",
    "status",
    "message",
    "score",
    "training_return",
    "steps",
    "budget",
    "resume",
    "metering",
    "score_from",
]


def run_table(
    store: Store,
    supplied: Mapping[str, Anchors] | None = None,
    asked: Sequence[Run] | None = None,
    known: tuple[Mapping[str, RunState], Mapping[str, Facts]] | None = None,
) -> pd.DataFrame:
    """One row for each run of the suite. supplied: anchors to be taken before those that `anchors_of` knows. asked: the
    store's runs, for whoever has read them already; known: their states and facts (rlbench.results.results_index), likewise.

    Columns: algorithm (label), id (the algorithm's own name), environment, seed, key, status, message, score (mean return
    of the final policy; of a diverged run its last finite evaluation, or the task's lower anchor where that is lower or
    there is none; without an anchor the mean of this folder's `random` runs stands for it; NaN without any), training_return (mean of the last 100 training episodes), steps
    (taken), budget (steps that the suite gives it),
    resume ("approximate" where a run went on although its numbers were computed otherwise than before), metering
    ("boundary", or "self-reported" where steps and scores are the run's own account), score_from ("evaluation", or "training"
    where a self-reported run told of no evaluation, so that its score is that of its last training episodes); all three are
    empty while there is no result.
    """
    runs = store.runs() if asked is None else asked
    states, facts = (store.states(runs), None) if known is None else known
    facts = read_facts(store, runs, states) if facts is None else facts
    frame = pd.DataFrame([_row(run, states[run.key], facts.get(str(run.key))) for run in runs], columns=COLUMNS)
    chance = frame[frame["id"].map(is_random) & (frame["status"] == RunStatus.DONE)]
    # What was imported stands for chance only where no runs of the folder's own do.
    ours = chance[chance["metering"] != "self-reported"].groupby("environment")["score"].mean()
    tasks = {run.task.env_id: run.task for run in runs}
    anchors = anchors_of(store.suite()["suite"], tasks, supplied)
    lower = {environment: found.lower for environment, found in anchors.items()}
    lowest = {**chance.groupby("environment")["score"].mean(), **ours, **lower}
    diverged = frame["status"] == RunStatus.DIVERGED
    frame.loc[diverged, "score"] = np.fmin(frame["score"], frame["environment"].map(lowest).astype(float))[diverged]
    return frame


def _row(run: Run, state: RunState, facts: Facts | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "algorithm": run.label or run.algorithm,
        "id": run.algorithm,
        "environment": run.task.env_id,
        "seed": run.seed,
        "key": str(run.key),
        "status": str(state.status),
        "message": state.message.encode("utf-8", "replace").decode(),  # a file name in it may be no text
        "score": float("nan"),
        "training_return": float("nan"),
        "steps": state.result.get("steps", 0),
        "budget": run.task.steps,
        "resume": state.result.get("resume", "exact") if state.result else "",
        "metering": state.result.get("metering", "boundary") if state.result else "",
        "score_from": state.result.get("score_from", "evaluation") if state.result else "",
    }
    if facts is None:
        return row
    if facts.damaged:
        return {**row, "status": str(RunStatus.CORRUPT), "message": facts.damaged}
    if row["metering"] == "self-reported" and "score_from" not in state.result and facts.score == facts.training_return:
        row["score_from"] = "training"  # published before this was recorded
    # Of a run of which running means are told, the last of them is that mean.
    training = state.result.get("imported", {}).get("training_return", facts.training_return)
    return {**row, "score": facts.score, "training_return": training}


def read_table(folder: Path, table: str, state: RunState, columns: list[str] | None = None) -> pd.DataFrame:
    """One table of a published run. Raises: StoreError if the file is not the one that was published."""
    return read_arrow(folder, table, state, columns).to_pandas()
