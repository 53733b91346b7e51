"""A folder for each algorithm and task, as the Hugging Face Hub stores a model. Nothing is uploaded.

Each folder contains a model card (README.md), the final policies, results.json, and the suite that trains the same
runs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlbench.analysis import Results
from rlbench.analysis.score_cells import Cell
from rlbench.api import Run, RunStatus, canonical, slug
from rlbench.exporters.model_card import model_card
from rlbench.exporters.run_history import Progress, scored_runs
from rlbench.results.file_io import read_bytes
from rlbench.results.requested_runs import IMPORTED
from rlbench.results.run_facts import read_arrow
from rlbench.suites.suite_of_runs import as_yaml, suite_of_runs

POLICY = "policy.safetensors"
_MOST_POLICY = 8 << 30


@dataclass(frozen=True)
class ModelRun:
    """A run as the card and results.json show it. policy: its policy's file in the folder, "" if there is none.

    returns: the returns of the final evaluation's episodes; for a diverged run, its score, repeated for each episode.
    """

    seed: int
    key: str
    status: str
    score: float
    returns: tuple[float, ...]
    policy: str


def write_model_folders(results: Results, folder: Path, progress: Progress) -> Sequence[str]:
    """Write a folder for each algorithm and task that have a score. Returns: a note on runs without a policy."""
    by_cell: dict[tuple[str, str], list[tuple[Run, ModelRun]]] = {}
    names: dict[tuple[str, str], str] = {}
    for run in progress(scored_runs(results)):
        cell = run.label or run.algorithm, run.task.name
        if cell not in names:
            names[cell] = _new_name(cell, names.values())
        by_cell.setdefault(cell, []).append((run, _add_run(results, run, folder / names[cell])))
    cells = {(cell.algorithm, cell.environment): cell for cell in results.cells}
    for cell, runs in by_cell.items():
        _describe(results, cells[cell], [run for run, _ in runs], [one for _, one in runs], folder / names[cell])
    without = sum(not one.policy for runs in by_cell.values() for _, one in runs)
    return [f"{without} of the runs have no policy file, because their algorithms keep none"] if without else []


def _new_name(cell: tuple[str, str], used: Any) -> str:
    """Return a folder's name, as in "dqn-CartPole-v1", that is not used yet."""
    name = "-".join(slug(part, 40) for part in cell)
    taken = {other.lower() for other in used}
    return next(
        candidate
        for candidate in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3)))
        if candidate.lower() not in taken
    )


def _add_run(results: Results, run: Run, folder: Path) -> ModelRun:
    """Copy the policy of a run into the folder, and return the run as the card shows it."""
    source, state = results.store.folder(run), results.published[run.key]
    place = folder / f"seed-{run.seed}"
    folder.mkdir(exist_ok=True)
    has_policy = POLICY in state.result["files"]
    if has_policy:
        place.mkdir()
        (place / POLICY).write_bytes(read_bytes(source / POLICY, _MOST_POLICY))
    score = results.score_of(run)
    rows = read_arrow(source, "evaluations", state, ("kind", "returns")).to_pylist()
    final = [row["returns"] for row in rows if row["kind"] == "final"]
    is_done = state.status == RunStatus.DONE and final
    returns = final[0] if is_done else [score] * run.task.evaluation.final_episodes
    policy = f"{place.name}/{POLICY}" if has_policy else ""
    return ModelRun(run.seed, run.key, str(state.status), score, tuple(returns), policy)


def _describe(results: Results, cell: Cell, runs: Sequence[Run], shown: Sequence[ModelRun], folder: Path) -> None:
    first, suite = runs[0], _suite(results, runs)
    (folder / "README.md").write_text(model_card(cell, first, shown, "suite.yaml" if suite else ""), "utf-8")
    returns = np.concatenate([run.returns for run in shown])
    document = {
        "schema_version": 1,
        "algorithm": cell.algorithm,
        "algorithm_id": first.algorithm,
        "environment": cell.environment,
        "environment_id": first.task.env_id,
        "steps": first.task.steps,
        "hyperparameters": json.loads(canonical(first.config)),
        "mean_reward": float(returns.mean()),
        "std_reward": float(returns.std()),
        "iqm": cell.iqm,
        "interval_95": [cell.low, cell.high],
        "runs": [asdict(run) for run in shown],
    }
    (folder / "results.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    if suite:
        (folder / "suite.yaml").write_text(as_yaml(suite), "utf-8")


def _suite(results: Results, runs: Sequence[Run]) -> dict[str, Any]:
    """Return a suite that requests exactly these runs of one algorithm on one task; empty for imported runs."""
    first = runs[0]
    if first.algorithm.startswith(IMPORTED):
        return {}
    name = slug(f"{first.label or first.algorithm}-{first.task.name}", 60)
    return suite_of_runs(name, runs, results.suite, [run.seed for run in runs])
