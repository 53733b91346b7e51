"""Final and intermediate evaluations in the JSON layout of marl-eval (the package id-marl-eval), in one file.

environment → task → algorithm → seed_K → step_I: {step_count, elapsed_time, return: [of each episode]}, and
absolute_metrics: {return: [of each episode of the final evaluation]}. In this layout, the suite is the environment.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlbench.analysis import Results
from rlbench.analysis.learning_curves import LearningCurves
from rlbench.api import RlbenchError
from rlbench.exporters.run_history import Progress, scored_runs
from rlbench.results.run_facts import read_arrow

FILE, METRIC, FINAL = "marl_eval.json", "return", "absolute_metrics"
_COLUMNS = ("kind", "nominal_step", "return_mean", "returns", "wall_seconds")
_Steps = dict[str, dict[str, Any]]
_Tasks = dict[str, dict[str, dict[str, _Steps]]]


def write_marl_eval(results: Results, folder: Path, progress: Progress) -> Sequence[str]:
    """Write marl_eval.json. Returns: a note if marl-eval cannot aggregate the file.

    marl-eval needs the same algorithms, seeds and evaluations for each task. A diverged run has its score in place of
    the evaluations that it did not reach, as everywhere in rlbench. Raises: RlbenchError if two names differ only in
    case, because marl-eval reads all names in lower case.
    """
    runs, tasks = scored_runs(results), dict[str, Any]()
    _refuse_equal_names(dict.fromkeys(run.task.name for run in runs), "environments")
    _refuse_equal_names(dict.fromkeys(run.label or run.algorithm for run in runs), "algorithms")
    for run in progress(runs):
        label = run.label or run.algorithm
        rows = read_arrow(results.store.folder(run), "evaluations", results.published[run.key], _COLUMNS).to_pylist()
        steps = _steps(rows, results.learning_curves[run.task.name, label], run.key, results.score_of(run))
        seeds = tasks.setdefault(run.task.name, {}).setdefault(label.replace(",", ";"), {})
        seeds[f"seed_{run.seed}"] = steps
    (folder / FILE).write_text(json.dumps({results.name: tasks}, indent=1, allow_nan=False) + "\n", "utf-8")
    return _uneven(tasks)


def _steps(rows: Sequence[Mapping[str, Any]], curves: LearningCurves, key: str, score: float) -> _Steps:
    """Return the evaluations of one run: those on its task's grid, by step, and that of the final policy."""
    by_step = {row["nominal_step"]: row for row in rows if row["kind"] == "grid" and math.isfinite(row["return_mean"])}
    steps, seconds = _Steps(), 0.0
    for index, (step, value) in enumerate(zip(curves.steps.tolist(), curves.counted[curves.keys.index(key)].tolist())):
        row = by_step.get(step)
        seconds = row["wall_seconds"] if row and math.isfinite(row["wall_seconds"]) else seconds
        if not math.isnan(value):
            returns = row["returns"] if row else [value]
            steps[f"step_{index}"] = {"step_count": int(step), "elapsed_time": seconds, METRIC: returns}
    final = next((row["returns"] for row in rows if row["kind"] == "final"), None)
    is_scored_by_it = final is not None and math.isclose(sum(final) / len(final), score, rel_tol=1e-9, abs_tol=1e-9)
    steps[FINAL] = {METRIC: final if is_scored_by_it else [score]}
    return steps


def _refuse_equal_names(names: Mapping[str, Any], what: str) -> None:
    by_lower: dict[str, str] = {}
    for name in names:
        other = by_lower.setdefault(name.lower(), name)
        if other != name:
            raise RlbenchError(
                f"marl-eval reads names in lower case, so it cannot distinguish the {what} {other!r} and {name!r};"
                " select one with -a or -e"
            )


def _uneven(tasks: _Tasks) -> list[str]:
    """Return a note if tasks differ in their algorithms, algorithms in their seeds, or runs in their evaluations."""
    algorithms = {tuple(sorted(entries)) for entries in tasks.values()}
    runs = {tuple(sorted(seeds)) for entries in tasks.values() for seeds in entries.values()}
    steps = {tuple(steps) for entries in tasks.values() for seeds in entries.values() for steps in seeds.values()}
    differing = [
        what for what, kinds in (("algorithms", algorithms), ("seeds", runs), ("evaluations", steps)) if len(kinds) > 1
    ]
    if not differing:
        return []
    return [f"not every task has the same {' and '.join(differing)}, which marl-eval needs; select with -a and -e"]
