"""Published runs as tidy pandas frames, one row per run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rlbench.api import Run, RunStatus
from rlbench.results.random_policy import is_random
from rlbench.results.results_index import RunFacts, read_arrow
from rlbench.results.score_anchors import Anchors
from rlbench.results.store import RunState

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
    runs: Iterable[Run],
    states: Mapping[str, RunState],
    facts: Mapping[str, RunFacts],
    anchors: Mapping[str, Anchors],
) -> pd.DataFrame:
    """Return a frame with one row for each run of a suite.

    states, facts (of published runs): by key. anchors: by environment.

    Columns: algorithm (label), id (the algorithm's own name), environment, seed, key, status, message, score (mean
    return of the final policy; for a diverged run the lower of its last finite evaluation and the task's lower anchor,
    where the mean of this folder's `random` runs replaces a missing anchor; NaN without any of these), training_return
    (mean of the last 100 training episodes), steps (taken), budget (steps that the suite allows), resume ("approximate"
    if the run resumed with different numerical settings), metering ("boundary", or "self-reported" if the run reported
    its own steps and scores), score_from ("evaluation", or "training" if a self-reported run reported no evaluation, so
    that its score is that of its last training episodes). The last three are empty while there is no result.
    """
    frame = pd.DataFrame([_row(run, states[run.key], facts.get(str(run.key))) for run in runs], columns=COLUMNS)
    chance = frame[frame["id"].map(is_random) & (frame["status"] == RunStatus.DONE)]
    # Imported runs of the random policy count only where the folder has none of its own.
    own = chance[chance["metering"] != "self-reported"].groupby("environment")["score"].mean()
    lower = {environment: anchor.lower for environment, anchor in anchors.items()}
    floors = {**chance.groupby("environment")["score"].mean(), **own, **lower}
    diverged = frame["status"] == RunStatus.DIVERGED
    frame.loc[diverged, "score"] = np.fmin(frame["score"], frame["environment"].map(floors).astype(float))[diverged]
    return frame


def _row(run: Run, state: RunState, facts: RunFacts | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "algorithm": run.label or run.algorithm,
        "id": run.algorithm,
        "environment": run.task.name,
        "seed": run.seed,
        "key": str(run.key),
        "status": str(state.status),
        "message": state.message.encode("utf-8", "replace").decode(),  # a file name in it may not be valid text
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
    # If an imported run reported running means, the last of them is the training return.
    training = state.result.get("imported", {}).get("training_return", facts.training_return)
    return {**row, "score": facts.score, "training_return": training}


def read_table(folder: Path, table: str, state: RunState, columns: list[str] | None = None) -> pd.DataFrame:
    """Read one table of a published run. Raises: StoreError if the file is not the one that was published."""
    return read_arrow(folder, table, state, columns).to_pandas()
