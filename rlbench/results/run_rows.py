"""Runs of a suite as rows: algorithm, environment, seed, status and score. Reading them needs no pandas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from rlbench.api import Run, RunStatus
from rlbench.results.random_policy import is_random
from rlbench.results.run_facts import RunFacts
from rlbench.results.run_states import RunState
from rlbench.results.score_anchors import Anchors


class RunRow(NamedTuple):
    """One run of a suite.

    algorithm: the algorithm's label in the suite. id: the algorithm's name.
    score: mean return of the final policy. For a diverged run, the lower of two numbers: its last finite evaluation,
    and the task's lower anchor (or, without an anchor, the mean score of this folder's `random` runs). NaN if neither
    number is known.
    training_return: mean return of the last 100 training episodes, or NaN.
    steps: environment steps taken. budget: steps that the suite allows.
    resume: "approximate" if the run resumed with other code or numerical settings than before, otherwise "exact".
    metering: "boundary", or "self-reported" if the run reported its own steps and scores.
    score_from: "evaluation", or "training" if a self-reported run reported no evaluation and is scored by its last
    training episodes. `resume`, `metering` and `score_from` are "" until the run is published.
    """

    algorithm: str
    id: str
    environment: str
    seed: int
    key: str
    status: str
    message: str
    score: float
    training_return: float
    steps: int
    budget: int
    resume: str
    metering: str
    score_from: str

    @property
    def has_score(self) -> bool:
        return not math.isnan(self.score)


def run_rows(
    runs: Iterable[Run], states: Mapping[str, RunState], facts: Mapping[str, RunFacts], anchors: Mapping[str, Anchors]
) -> list[RunRow]:
    """Return a row for each run of a suite. states and facts (of published runs) are by key, anchors by environment."""
    rows = [_row(run, states[run.key], facts.get(str(run.key))) for run in runs]
    floors = {**_random_means(rows), **{environment: anchor.lower for environment, anchor in anchors.items()}}
    return [
        row._replace(score=float(np.fmin(row.score, floors.get(row.environment, math.nan))))
        if row.status == RunStatus.DIVERGED
        else row
        for row in rows
    ]


def by_cell(rows: Iterable[RunRow]) -> dict[tuple[str, str], list[RunRow]]:
    """Return the rows by environment and algorithm, in the order in which these first occur."""
    cells: dict[tuple[str, str], list[RunRow]] = {}
    for row in rows:
        cells.setdefault((row.environment, row.algorithm), []).append(row)
    return cells


def _random_means(rows: Iterable[RunRow]) -> dict[str, float]:
    """Return the mean score of the finished runs of the random policy, by environment.

    If the folder has trained runs of the random policy in an environment, imported ones do not count there.
    """
    means: dict[str, float] = {}
    chance = [row for row in rows if is_random(row.id) and row.status == RunStatus.DONE and row.has_score]
    for is_own in (False, True):
        scores: dict[str, list[float]] = {}
        for row in chance:
            if not is_own or row.metering != "self-reported":
                scores.setdefault(row.environment, []).append(row.score)
        means |= {environment: math.fsum(values) / len(values) for environment, values in scores.items()}
    return means


def _row(run: Run, state: RunState, facts: RunFacts | None) -> RunRow:
    result: Mapping[str, Any] = state.result
    row = RunRow(
        algorithm=run.label or run.algorithm,
        id=run.algorithm,
        environment=run.task.name,
        seed=run.seed,
        key=str(run.key),
        status=str(state.status),
        message=state.message.encode("utf-8", "replace").decode(),  # it may contain a file name that is not valid UTF-8
        score=math.nan,
        training_return=math.nan,
        steps=result.get("steps", 0),
        budget=run.task.steps,
        resume=result.get("resume", "exact") if result else "",
        metering=result.get("metering", "boundary") if result else "",
        score_from=result.get("score_from", "evaluation") if result else "",
    )
    if facts is None:
        return row
    if facts.damaged:
        return row._replace(status=str(RunStatus.CORRUPT), message=facts.damaged)
    if row.metering == "self-reported" and "score_from" not in result and facts.score == facts.training_return:
        row = row._replace(score_from="training")  # the run was published before `score_from` was recorded
    # If an imported run reported running means, the last of them is the training return.
    training = result.get("imported", {}).get("training_return", facts.training_return)
    return row._replace(score=facts.score, training_return=training)
