"""Means of the metrics that an algorithm logs between two points of the evaluation grid, for each seed.

Metrics that have to be computed are taken from every 32nd update only. Metrics are read from the device later, many at
once, and are added one after another in float64. So the means do not depend on when they are read, on the number of
seeds, or on an interruption.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.api import Array

EVERY = 32  # metrics are computed at every 32nd update
_MOST_PENDING = 512  # the largest number of updates whose metrics wait to be read
_CALLS = "calls of "  # prefix of a counter's name in a checkpoint; no metric's name begins with it


class MetricMeans:
    """Sums and counts of metrics of S seeds since the last `take`."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._pending: dict[tuple[str, ...], list[tuple[Mapping[str, Any], Array, Any]]] = {}
        self._sums: dict[str, NDArray[np.float64]] = {}
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._calls: dict[str, int] = {}  # calls of `is_due` since the last `take`

    def is_due(self, name: str) -> bool:
        """Return whether to compute metrics at this update.

        name: the name of the gradient. The updates of each name are counted separately.
        """
        calls = self._calls.get(name, 0)
        self._calls[name] = calls + 1
        return calls % EVERY == 0

    def add(self, metrics: Mapping[str, Any], active: Array, where: Any = None) -> None:
        """Add the metrics of one update.

        metrics: by name, one number per seed [S] or one number for all seeds; a tensor may be on any device.
        active [S]: the seeds that are still learning. where [S]: the seeds that the update concerns; None: all.
        """
        entries = self._pending.setdefault(tuple(metrics), [])
        entries.append((metrics, active, where))
        if len(entries) >= _MOST_PENDING:
            self._read()

    def take(self) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.bool_]]]:
        """Yield each metric's name, its means [S], and which seeds have a mean [S]. Reset all sums and counts to 0."""
        self._read()
        sums, counts, self._sums, self._counts, self._calls = self._sums, self._counts, {}, {}, {}
        for name, values in sums.items():
            has_one = counts[name] > 0
            yield name, values / np.maximum(counts[name], 1), has_one

    def state(self, index: int) -> dict[str, list[float]]:
        """Return each metric's sum and count for one seed, and the numbers of calls of `is_due`, as JSON values."""
        self._read()
        state = {name: [float(sums[index]), int(self._counts[name][index])] for name, sums in self._sums.items()}
        return state | {_CALLS + name: [calls] for name, calls in self._calls.items()}

    def load(self, states: Sequence[Mapping[str, Sequence[float]]]) -> None:
        """Replace the sums and counts by the `state` of each seed."""
        self._calls = {
            key.removeprefix(_CALLS): int(values[0]) for key, values in states[0].items() if key.startswith(_CALLS)
        }
        names = [name for name, values in states[0].items() if len(values) == 2 and all(name in s for s in states)]
        self._sums = {name: np.array([state[name][0] for state in states], np.float64) for name in names}
        self._counts = {name: np.array([state[name][1] for state in states], np.int64) for name in names}

    def _read(self) -> None:
        pending, self._pending = self._pending, {}
        for names, entries in pending.items():
            counted = np.stack([active for _, active, _ in entries])  # [n, S]
            if any(where is not None for _, _, where in entries):
                chosen = _rows([True if where is None else where for _, _, where in entries], self._seeds)
                counted = counted & chosen.astype(bool)
            for name in names:
                values = _rows([metrics[name] for metrics, _, _ in entries], self._seeds)
                before = self._sums.get(name, np.zeros(self._seeds))
                # `accumulate` adds one number after another; `sum` adds in an order that depends on their count.
                self._sums[name] = np.add.accumulate(np.vstack([before, np.where(counted, values, 0.0)]))[-1]
                self._counts[name] = self._counts.get(name, np.zeros(self._seeds, np.int64)) + counted.sum(0)


def _rows(values: Sequence[Any], seeds: int) -> NDArray[np.float64]:
    """Return n values as an array [n, S]. A value is one number or one number per seed, also as an array or tensor."""
    torch = sys.modules.get("torch")
    if torch is not None and all(isinstance(value, torch.Tensor) for value in values):
        rows = torch.stack(list(values)).detach().cpu().numpy()  # copied from the device all at once
    else:
        each = (np.asarray(value.detach().cpu() if hasattr(value, "detach") else value) for value in values)
        rows = np.stack([np.broadcast_to(value.reshape(-1), seeds) for value in each])
    return np.broadcast_to(rows.reshape(len(values), -1).astype(np.float64), (len(values), seeds))
