"""Scores in the form that the statistics take: one array of finite runs for each task; run counts may differ.

A run without a score is missing, and reported as missing. It is never a NaN, which sorting would trim silently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Tasks = Sequence[Numbers]
Scores = Mapping[str, Any] | Sequence[Any] | NDArray[Any]
Statistic = Callable[[Tasks], Numbers]  # arrays [..., n_task], one for each task -> [...]


def named_tasks(scores: Scores) -> dict[str, Numbers]:
    """Return scores by task, as float arrays. Sequences name their tasks "0", "1", …

    Args: scores: a mapping or a sequence of arrays [..., n_task], one for each task, n_task ≥ 1. Each row of a matrix
    is a task. Plain numbers are the runs of one task.
    Raises: ValueError for no task, a task without runs, or a number that is not finite.
    """
    if isinstance(scores, Mapping):
        named = {str(name): np.asarray(runs, np.float64) for name, runs in scores.items()}
    else:
        rows = list(scores)
        if rows and all(np.ndim(row) == 0 for row in rows):
            rows = [rows]
        named = {str(index): np.asarray(runs, np.float64) for index, runs in enumerate(rows)}
    if not named:
        raise ValueError("no scores: give one array of runs for each task")
    # One check for all tasks together, because a thousand tasks may be checked at each resample.
    are_finite = np.isfinite(np.concatenate([runs.ravel() for runs in named.values()])).all()
    for name, runs in named.items():
        if runs.ndim == 0 or runs.shape[-1] == 0:
            raise ValueError(f"task {name!r} has no scores: leave it out, or give its runs as an array")
        if not (are_finite or np.isfinite(runs).all()):
            at = np.argwhere(~np.isfinite(runs))[0]
            raise ValueError(
                f"task {name!r}: run {at[-1]} (from 0) is {runs[tuple(at)]}, which is not a score; leave out missing"
                " runs and report how many, or give diverged runs a score"
            )
    return named


def as_tasks(scores: Scores) -> list[Numbers]:
    """Return the arrays of `named_tasks`, in their order."""
    return list(named_tasks(scores).values())


def as_samples(scores: Scores, fewest: int = 1) -> dict[str, Numbers]:
    """Return `named_tasks`, where each task must have a single axis [n_task].

    Raises: ValueError as `named_tasks`, and for a task with other axes or fewer runs than `fewest`.
    """
    named = named_tasks(scores)
    for name, runs in named.items():
        if runs.ndim != 1:
            raise ValueError(f"task {name!r} has shape {list(runs.shape)}; expected one axis of runs")
        if len(runs) < fewest:
            raise ValueError(f"task {name!r} has {len(runs)} runs; this needs at least {fewest} in each task")
    return named


def as_pairs(ours: Scores, theirs: Scores, fewest: int = 1) -> dict[str, tuple[Numbers, Numbers]]:
    """Return two algorithms' runs by task, [n] and [m]. Mappings are matched by name, sequences by position.

    Raises: ValueError if their tasks differ, and as `as_samples`.
    """
    if isinstance(ours, Mapping) != isinstance(theirs, Mapping):
        raise ValueError("one side names its tasks and the other does not: pass two mappings or two sequences")
    left, right = as_samples(ours, fewest), as_samples(theirs, fewest)
    if left.keys() != right.keys():
        alone = ", ".join(sorted(left.keys() ^ right.keys()))
        raise ValueError(f"both sides need the same tasks; only one has: {alone}")
    return {name: (runs, right[name]) for name, runs in left.items()}


def normalise(scores: Mapping[str, Any], lower: Mapping[str, float], upper: Mapping[str, float]) -> dict[str, Numbers]:
    """Return scores on each task's fixed scale, (score - lower) / (upper - lower): the anchors become 0 and 1.

    Anchors are fixed beforehand. They are never the extremes of the compared runs, because one algorithm would then
    change another's scores. Raises: ValueError for a task without anchors, or with an upper anchor that is not above
    the lower one.
    """
    scaled = {}
    for name, runs in named_tasks(scores).items():
        if name not in lower or name not in upper:
            raise ValueError(f"task {name!r} has no anchors: give a lower and an upper one")
        low, high = float(lower[name]), float(upper[name])
        if not high > low:
            raise ValueError(f"task {name!r}: the upper anchor {high} is not above the lower anchor {low}")
        scaled[name] = (runs - low) / (high - low)
    return scaled


def exponent_of(tasks: Iterable[Numbers]) -> int:
    """Return e such that the absolute value of every score is below 2**e.

    Divided by 2**e, scores keep every digit and no square overflows.
    """
    return math.frexp(max(float(np.abs(runs).max()) for runs in tasks))[1]


def scale_down(tasks: Iterable[Numbers], exponent: int) -> list[Numbers]:
    """Return the scores divided by 2**exponent."""
    return [np.ldexp(runs, -exponent) for runs in tasks]


def share(value: float, name: str) -> float:
    """Return a level or share if it is strictly between 0 and 1. Raises: ValueError otherwise."""
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; it must be between 0 and 1, such as 0.95")
    return float(value)
