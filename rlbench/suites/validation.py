"""Checks between the entries of a suite, and between its runs, for problems that no single entry shows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from rlbench.api import RunGroup, environments_of, nothing_left
from rlbench.messages import nearest
from rlbench.plugins import Resolved
from rlbench.suites.search_space import space_problems
from rlbench.suites.source_location import Location, Problem
from rlbench.suites.suite_models import AlgorithmEntry, EnvironmentEntry, Suite
from rlbench.suites.sweeps import format_value, points, size


def find_problems(suite: Suite, max_runs: int) -> list[Problem]:
    """Return duplicate names, unknown names, missing files, and a problem if the suite has too many runs."""
    excess = excess_runs(suite, max_runs)
    problems = [*_algorithms(suite), *_environments(suite, expand=not excess), *_sweeps(suite), *space_problems(suite)]
    missing = [
        Problem(("data_files", i), f"file {name!r} does not exist; paths are relative to the current folder")
        for i, name in enumerate(suite.data_files)
        if not os.path.isfile(name)
    ]
    return problems + excess + missing


def excess_runs(suite: Suite, max_runs: int) -> list[Problem]:
    """Return a problem if there are too many runs. They are only counted, because a wrong sweep may have billions."""
    sizes = {i: size(a) for i, a in enumerate(suite.algorithms) if a is not None}
    runs = sum(
        sizes[i] * len(seeds_of(suite, a)) * len(a.environments or suite.environments)
        for i, a in enumerate(suite.algorithms)
        if a is not None
    )
    if runs <= max_runs:
        return []
    text = f"{runs:,} runs are over the limit of {max_runs:,}; --max-runs raises it"
    largest = max(sizes, key=lambda i: sizes[i])
    if sizes[largest] == 1:
        return [Problem(("seeds",), text)]
    swept = f" (the sweep of {suite.algorithms[largest].name!r} has {sizes[largest]:,} points)"
    return [Problem(("algorithms", largest, "sweep"), text + swept, True)]


def budget_problem(steps: int, algorithm: Resolved) -> str:
    """Return why a budget of so many steps does not fit an algorithm's environments or its warm-up, or ""."""
    number, config = environments_of(algorithm.config), algorithm.config
    if steps % number:
        name, below = "n_envs" if "n_envs" in config else "num_envs", steps // number * number
        return f"{name} {number} does not divide steps {steps}; nearest multiples: {below} and {below + number}"
    names = [setting["name"] for setting in algorithm.schema if setting.get("below_steps")]
    return next(filter(None, (nothing_left(name, config[name], steps) for name in names)), "")


def normalization_problem(algorithm: Resolved, observations: Any) -> str:
    """Return why an algorithm cannot normalise these observations, or ""."""
    if algorithm.config.get("normalize_obs") is True and str(observations.dtype) == "uint8":
        return "normalize_obs is for vectors; images are scaled to 0 … 1 anyway, so leave it out"
    return ""


def seeds_of(suite: Suite, algorithm: AlgorithmEntry) -> tuple[int, ...]:
    return suite.seeds if algorithm.seeds is None else algorithm.seeds


def duplicate_runs(groups: Sequence[RunGroup]) -> list[Problem]:
    """Return a problem for each run that is planned under two labels, or whose task has two labels."""
    names: dict[str, tuple[str, str]] = {}
    problems = []
    for group in groups:
        for run in group.runs:
            label, task = names.setdefault(run.key, (run.label, run.task.name))
            if task != run.task.name:
                text = f"{task} and {run.task.name} are the same environment with the same arguments"
                problems.append(Problem(("environments",), text, True))
            elif label != run.label:
                text = f"{label} and {run.label} on {task} are the same algorithm with the same parameters"
                problems.append(Problem(("algorithms",), text, True))
    return problems


def _algorithms(suite: Suite) -> Iterator[Problem]:
    labels: set[str] = set()
    known = None if None in suite.environments else [n for e in suite.environments for n in (e.name, e.id)]
    for i, algorithm in enumerate(suite.algorithms):
        if algorithm is None:
            continue
        at: Location = ("algorithms", i)
        if algorithm.name in labels:
            text = f"algorithm {algorithm.name!r} is listed twice; give each its own label"
            yield Problem((*at, "label" if algorithm.label else "id"), text)
        labels.add(algorithm.name)
        if known is None:
            continue
        for env_id in algorithm.per_environment:
            if env_id not in known:
                text = f"per_environment of {algorithm.name!r} names {env_id!r}, which is not among the environments"
                yield Problem((*at, "per_environment", env_id), text + nearest(env_id, known), True)
        for k, env_id in enumerate(algorithm.environments or ()):
            if env_id not in known:
                text = f"environments of {algorithm.name!r} names {env_id!r}, which is not among the environments"
                yield Problem((*at, "environments", k), text + nearest(env_id, known))


def _sweeps(suite: Suite) -> Iterator[Problem]:
    """Yield hyperparameters that are both swept and set, and values that are listed twice."""
    for i, algorithm in enumerate(suite.algorithms):
        for name, values in algorithm.sweep.items() if algorithm is not None else ():
            at: Location = ("algorithms", i, "sweep", name)
            if name in algorithm.params:
                text = f"{name} of {algorithm.name!r} is in params and in sweep; remove it from one of them"
                yield Problem(at, text, True)
            for env_id, own in algorithm.per_environment.items():
                if name in own:
                    text = f"{name} of {algorithm.name!r} is swept; per_environment cannot set it"
                    yield Problem(("algorithms", i, "per_environment", env_id, name), text, True)
            texts = [format_value(value) for value in values]
            for k, value in enumerate(texts):
                if value in texts[:k]:
                    yield Problem((*at, k), f"the sweep of {name} has {value} twice")


def _environments(suite: Suite, expand: bool) -> Iterator[Problem]:
    """Yield duplicate environments and budgets for unknown algorithms. expand: accept the points of sweeps as names."""
    seen: set[str] = set()
    names = [n for a in suite.algorithms if a is not None for n in dict.fromkeys((a.name, a.id))]
    names += [p.entry.name for a in suite.algorithms if expand and a is not None for p in points(a) if a.sweep]
    for j, environment in enumerate(suite.environments):
        if environment is None:
            continue
        if environment.name in seen:
            text = f"environment {environment.name!r} is listed twice; give each form of it its own label"
            yield Problem(("environments", j, "label" if environment.label else "id"), text)
        seen.add(environment.name)
        yield from _long_stages(j, environment)
        for name in environment.per_algorithm:
            if name not in names and None not in suite.algorithms:
                text = f"per_algorithm of {environment.name!r} names {name!r}, which is not among the algorithms"
                yield Problem(("environments", j, "per_algorithm", name), text + nearest(name, names), True)


def _long_stages(j: int, environment: EnvironmentEntry) -> Iterator[Problem]:
    """Yield a problem if the stages of a curriculum leave no steps of the smallest budget for the target."""
    if environment.curriculum is None or not environment.curriculum.stages:
        return
    staged = sum(stage.until.steps or 0 for stage in environment.curriculum.stages)
    budget = min([environment.steps, *(own.steps for own in environment.per_algorithm.values())])
    if staged >= budget:
        text = f"its stages take {staged:,} steps, which leaves none of {budget:,} for {environment.name} itself"
        yield Problem(("environments", j, "curriculum", "stages"), text, True)
