"""Selection of runs by patterns for their algorithms and environments."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from rlbench.api import RlbenchError, Run


def matching_runs(runs: Sequence[Run], algorithms: Sequence[str], environments: Sequence[str]) -> tuple[Run, ...]:
    """Return the runs whose label or algorithm, and whose task or environment, match a pattern such as "*dqn".

    If a list of patterns is empty, every name matches. A text that matches no name is split at its commas into
    patterns. Raises: RlbenchError if a pattern matches no name, or no run matches in both algorithm and environment.
    """
    by_algorithm = _checked(algorithms, [name for run in runs for name in _algorithms(run)], "algorithm")
    by_task = _checked(environments, [name for run in runs for name in _tasks(run)], "environment")
    found = tuple(run for run in runs if _any(_algorithms(run), by_algorithm) and _any(_tasks(run), by_task))
    if not found:
        raise RlbenchError(f"the results have no run of {', '.join(by_algorithm)} on {', '.join(by_task)}")
    return found


def _algorithms(run: Run) -> tuple[str, ...]:
    return run.label or run.algorithm, run.algorithm


def _tasks(run: Run) -> tuple[str, ...]:
    return run.task.name, run.task.env_id


def _checked(patterns: Sequence[str], names: Sequence[str], what: str) -> list[str]:
    checked = []
    for text in patterns:
        for pattern in [text] if _any(names, [text]) else [part.strip() for part in text.split(",")]:
            if not _any(names, [pattern]):
                known = ", ".join(dict.fromkeys(names))
                raise RlbenchError(f"no {what} in the results is called {pattern!r}; they have {known}")
            checked.append(pattern)
    return checked


def _any(names: Sequence[str], patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
