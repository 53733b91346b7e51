"""Resampling of runs with replacement within each task, in chunks that bound the memory for any number of resamples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats.samples import Numbers, Tasks

RESAMPLES = 50_000
_CHUNK = 1 << 18  # numbers resampled at a time: 2 MB, which fit into a cache


def chunks(count: int, width: int) -> Iterator[int]:
    """Yield how many of `count` rows of `width` numbers to process at a time; they sum to `count`."""
    rows = max(1, _CHUNK // max(1, width))
    for start in range(0, count, rows):
        yield min(rows, count - start)


def draw_resamples(tasks: Tasks, generator: Generator, resamples: int) -> Iterator[list[Numbers]]:
    """Yield `resamples` resamples [B, n_task] of each task's runs, with replacement within the task, in chunks."""
    blocks = stacked(tasks)
    for rows in chunks(resamples, sum(map(len, tasks))):
        yield [sample for block in blocks for sample in take(block, _drawn(block, generator, rows))]


def _drawn(block: Numbers, generator: Generator, rows: int) -> NDArray[np.int64]:
    """Draw indices [T, B, n] into the runs of T tasks. They are the same as if each task were drawn by its own call."""
    count = block.shape[-1]
    places: NDArray[np.int64] = generator.integers(count, size=(len(block), rows, count))
    return places


def stacked(tasks: Tasks) -> list[Numbers]:
    """Return one array [T, n] for each series of T consecutive tasks that have n runs each."""
    return [np.stack(list(alike)) for _, alike in groupby(tasks, len)]


def take(block: Numbers, places: NDArray[np.int64]) -> Numbers:
    """Return the runs at the indices `places` [T, B, m]. block: the runs [T, n] of T tasks. Returns: [T, B, m]."""
    starts = block.shape[-1] * np.arange(len(block))
    runs: Numbers = block.ravel().take(places + starts[:, None, None])
    return runs


def draws(count: int, generator: Generator, resamples: int) -> Iterator[NDArray[np.int64]]:
    """Yield, in chunks, the indices [B, count] that `draw_resamples` would draw for one task of `count` runs."""
    for rows in chunks(resamples, count):
        yield generator.integers(count, size=(rows, count))


def picks(count: int, rows: int, generator: Generator) -> Numbers:
    """Count how often each of `count` runs is drawn in each of `rows` resamples [rows, count].

    Statistics that are linear in the runs need only these counts.
    """
    drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
