"""Finished runs that a folder contains but its suite does not request, and how they differ from requested runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rlbench.api import Run, StoreError
from rlbench.api.records import canonical
from rlbench.plugins.parameter_names import is_old
from rlbench.results import Store
from rlbench.results.file_io import read_json
from rlbench.text import plural, range_or_list

_MOST_NAMED = 4
_MOST_READ = 2_000
_OLD_NAMES = "the parameter names of version 0.1"


def describe_unrequested(store: Store, runs: Sequence[Run]) -> str:
    """Return a line that names the finished runs in a folder that are neither in `runs` nor imported; "" if none.

    Runs that differ from requested runs in the same way (hyperparameters, budget or seeds) are named together. Runs
    with the parameter names of version 0.1 never equal requested runs; the line also counts unfinished ones.
    """
    try:
        imported = store.imported()
    except StoreError:  # suite.json is missing or damaged, which is reported elsewhere
        imported = frozenset()
    shown = {run.name for run in runs} | imported
    names = sorted(path.parent.name for path in (store.root / "runs").glob("*/result.json"))
    others = [name for name in names if name not in shown]
    unfinished = _unfinished(store, runs, shown | set(others))
    if not others:
        return f"also in {store.root}: {unfinished}" if unfinished else ""
    groups: dict[str, list[int]] = {}
    for name in others[:_MOST_READ]:
        text, seed = _described(read_json(store.root / "runs" / name / "spec.json"), runs, name)
        groups.setdefault(text, []).extend(seed)
    kinds = [f"{text}{_seeds(seeds)}" for text, seeds in groups.items()]
    more = f"; and {len(kinds) - _MOST_NAMED} more kinds" if len(kinds) > _MOST_NAMED else ""
    count = plural(len(others), "finished run")
    return (
        f"also in {store.root}, not requested by the suite: {count}: {'; '.join(kinds[:_MOST_NAMED])}{more}; "
        f"kept, not shown{'; ' if unfinished else ''}{unfinished}"
    )


def _unfinished(store: Store, runs: Sequence[Run], known: Collection[str]) -> str:
    """Return a text with the number of unfinished runs with parameter names of version 0.1; "" if none."""
    paths = [path for path in sorted((store.root / "runs").glob("*/spec.json")) if path.parent.name not in known]
    specs = [read_json(path) or {} for path in paths[:_MOST_READ]]
    count = sum(1 for spec in specs if (run := _counterpart(spec, runs)) and is_old(spec["config"], run.config))
    if not count:
        return ""
    return f"{plural(count, 'unfinished run')} with {_OLD_NAMES}: not resumed"


def _counterpart(spec: Mapping[str, Any], runs: Sequence[Run]) -> Run | None:
    """Return a requested run of the same algorithm and environment, if possible of the same task; None if none."""
    try:
        cell = str(spec["algorithm"]), spec["task"]["env_id"]
        assert isinstance(spec["config"], Mapping)
    except (AssertionError, KeyError, TypeError):
        return None
    alike = [run for run in runs if (run.algorithm, run.task.env_id) == cell]
    return next((run for run in alike if _task_of(run) == spec["task"]), alike[0] if alike else None)


def _task_of(run: Run) -> Any:
    """Return a run's task in the form in which spec.json contains it."""
    return json.loads(canonical(run.task.requested))


def _described(spec: Mapping[str, Any] | None, runs: Sequence[Run], name: str) -> tuple[str, list[int]]:
    """Return in words how a run differs from a requested run of the same algorithm and task, and its seed."""
    try:
        assert spec is not None
        algorithm, task, seed = str(spec["algorithm"]), spec["task"], int(spec["seed"])
        where = f"{algorithm} on {task['env_id']}"
        requested = _counterpart(spec, runs)
        if requested is None:
            return where, [seed]
        if is_old(spec["config"], requested.config):
            return f"{where} with {_OLD_NAMES}", [seed]
        config = json.loads(canonical(requested.config))
        differences = [f"{k} {json.dumps(v)}" for k, v in spec["config"].items() if config.get(k) != v]
        if task["steps"] != requested.task.steps:
            differences.append(f"{task['steps']:,} steps")
        elif task != _task_of(requested):
            differences.append("another evaluation or environment")
        return where + (f" with {', '.join(differences)}" if differences else ""), [seed]
    except (AssertionError, KeyError, TypeError, ValueError):
        return name, []


def _seeds(seeds: Sequence[int]) -> str:
    """Return text such as ", seed 3", ", seeds 0–4" or ", seeds 1, 5"."""
    ordered = sorted(set(seeds))
    if not ordered:
        return ""
    if len(ordered) == 1:
        return f", seed {ordered[0]}"
    return f", seeds {range_or_list(ordered)}"
