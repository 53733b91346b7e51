"""Drawing runs with replacement within each task, in chunks so that memory does not grow with the number of resamples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats.samples import Numbers, Tasks

RESAMPLES = 50_000
_CHUNK = 1 << 18  # numbers resampled at a time: 2 MB, which stays in a cache


def chunks(count: int, width: int) -> Iterator[int]:
    """How many of `count` rows of `width` numbers to work on at a time; sums to `count`."""
    rows = max(1, _CHUNK // max(1, width))
    for start in range(0, count, rows):
        yield min(rows, count - start)


def resampled(tasks: Tasks, generator: Generator, resamples: int) -> Iterator[list[Numbers]]:
    """`resamples` draws of as many runs as each task has [B, n_task], with replacement within the task, in chunks."""
    for rows in chunks(resamples, sum(map(len, tasks))):
        yield [runs.take(generator.integers(len(runs), size=(rows, len(runs)))) for runs in tasks]


def draws(count: int, generator: Generator, resamples: int) -> Iterator[NDArray[np.int64]]:
    """The places that `resampled` takes of one task of `count` runs [B, count], in chunks."""
    for rows in chunks(resamples, count):
        yield generator.integers(count, size=(rows, count))


def picks(count: int, rows: int, generator: Generator) -> Numbers:
    """How often each of `count` runs is drawn, in `rows` resamples [rows, count]: for statistics linear in the runs."""
    drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
