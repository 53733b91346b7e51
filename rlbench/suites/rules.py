"""What may be wrong between the entries of a suite, and between its runs, when each by itself is in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlbench.api import RunGroup
from rlbench.suites.schema import AlgorithmEntry, Suite
from rlbench.suites.source import Location, Problem
from rlbench.wording import nearest


def broken_rules(suite: Suite, max_runs: int) -> list[Problem]:
    """Every name that stands twice or names nothing, and a flood of runs."""
    found = [*_algorithms(suite), *_environments(suite)]
    runs = sum(len(seeds_of(suite, a)) for a in suite.algorithms if a is not None) * len(suite.environments)
    if runs > max_runs:
        text = f"{runs:,} runs are over the limit of {max_runs:,}; --max-runs raises it"
        found.append(Problem(("seeds",), text))
    return found


def seeds_of(suite: Suite, algorithm: AlgorithmEntry) -> tuple[int, ...]:
    return suite.seeds if algorithm.seeds is None else algorithm.seeds


def same_twice(groups: Sequence[RunGroup]) -> list[Problem]:
    """Runs that two labels stand for."""
    labels: dict[str, str] = {}
    problems = []
    for group in groups:
        for run in group.runs:
            first = labels.setdefault(run.key, run.label)
            if first != run.label:
                text = f"{first} and {run.label} on {run.task.env_id} are the same algorithm with the same parameters"
                problems.append(Problem(("algorithms",), text, True))
    return problems


def _algorithms(suite: Suite) -> Iterator[Problem]:
    labels: set[str] = set()
    known = None if None in suite.environments else [e.id for e in suite.environments]
    for i, algorithm in enumerate(suite.algorithms):
        if algorithm is None:
            continue
        at: Location = ("algorithms", i)
        if algorithm.name in labels:
            text = f"algorithm {algorithm.name!r} stands twice; give each its own label"
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
                text = f"environments of {algorithm.name!r} has {env_id!r}, which is not among the suite's"
                yield Problem((*at, "environments", k), text + nearest(env_id, known))


def _environments(suite: Suite) -> Iterator[Problem]:
    seen: set[str] = set()
    names = [n for a in suite.algorithms if a is not None for n in dict.fromkeys((a.name, a.id))]
    for j, environment in enumerate(suite.environments):
        if environment is None:
            continue
        if environment.id in seen:
            text = f"environment {environment.id!r} stands twice; one suite has each of them once"
            yield Problem(("environments", j, "id"), text)
        seen.add(environment.id)
        for name in environment.per_algorithm:
            if name not in names and None not in suite.algorithms:
                text = f"per_algorithm of {environment.id!r} names {name!r}, which is not among the algorithms"
                yield Problem(("environments", j, "per_algorithm", name), text + nearest(name, names), True)
