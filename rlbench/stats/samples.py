"""Scores as the statistics take them: one array of runs for each task, unequal in number if need be, every one a number.

A run without a score is missing and is said to be so; it never enters as NaN, which sorting would silently trim.
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
Statistic = Callable[[Tasks], Numbers]  # one [..., n_task] array a task -> [...]


def named_tasks(scores: Scores) -> dict[str, Numbers]:
    """Scores by task, as float arrays. Sequences name their tasks "0", "1", …

    Args: scores: a mapping or a sequence, one array [..., n_task] a task, n_task ≥ 1; of a matrix each row is a task.
        Bare numbers are the runs of one task.
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
    for name, runs in named.items():
        if runs.ndim == 0 or runs.shape[-1] == 0:
            raise ValueError(f"task {name!r} has no scores: leave it out, or give its runs as an array")
        if not np.isfinite(runs).all():
            at = np.argwhere(~np.isfinite(runs))[0]
            raise ValueError(
                f"task {name!r}: run {at[-1]} (from 0) is {runs[tuple(at)]}, which is no score; leave out runs that are"
                " missing and say how many, or give those that diverged a score"
            )
    return named


def as_tasks(scores: Scores) -> list[Numbers]:
    """The arrays of `named_tasks`, in their order."""
    return list(named_tasks(scores).values())


def as_samples(scores: Scores, fewest: int = 1) -> dict[str, Numbers]:
    """As `named_tasks`, each task [n_task]. Raises: ValueError also where a task has other axes or fewer runs than `fewest`."""
    named = named_tasks(scores)
    for name, runs in named.items():
        if runs.ndim != 1:
            raise ValueError(f"task {name!r} has shape {list(runs.shape)}; one axis of runs is wanted")
        if len(runs) < fewest:
            raise ValueError(f"task {name!r} has {len(runs)} runs; this needs at least {fewest} in each task")
    return named


def as_pairs(ours: Scores, theirs: Scores, fewest: int = 1) -> dict[str, tuple[Numbers, Numbers]]:
    """Two algorithms' runs by task, [n] and [m]. Mappings are matched by name, sequences by place.

    Raises: ValueError if their tasks differ, and as `as_samples`.
    """
    if isinstance(ours, Mapping) != isinstance(theirs, Mapping):
        raise ValueError("one side names its tasks and the other does not: give two mappings or two sequences")
    left, right = as_samples(ours, fewest), as_samples(theirs, fewest)
    if left.keys() != right.keys():
        alone = ", ".join(sorted(left.keys() ^ right.keys()))
        raise ValueError(f"both sides need the same tasks; only one has: {alone}")
    return {name: (runs, right[name]) for name, runs in left.items()}


def normalise(scores: Mapping[str, Any], lower: Mapping[str, float], upper: Mapping[str, float]) -> dict[str, Numbers]:
    """Scores on each task's fixed scale: (score - lower) / (upper - lower), so that 0 and 1 are the anchors.

    Anchors are fixed beforehand and never the extremes of the runs compared: those would let one algorithm move another's
    number. Raises: ValueError for a task without anchors, or whose upper anchor is not above its lower.
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
    """Return e with every score below 2**e in size: divided by that, scores keep every digit and no square overflows."""
    return math.frexp(max(float(np.abs(runs).max()) for runs in tasks))[1]


def shrunk(tasks: Iterable[Numbers], exponent: int) -> list[Numbers]:
    """Return the scores divided by 2**exponent."""
    return [np.ldexp(runs, -exponent) for runs in tasks]


def share(value: float, name: str) -> float:
    """A level or share strictly between 0 and 1. Raises: ValueError for another."""
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value}; it lies between 0 and 1, as 0.95 does")
    return float(value)
