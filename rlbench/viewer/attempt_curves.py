"""The records that a group's process has written so far: evaluations, and mean returns of training episodes by step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from rlbench.api import LARGEST_RETURN
from rlbench.results.file_io import read_json
from rlbench.viewer.growing_file import GrowingFile

BINS = 50  # parts of the budget over which returns of training episodes are averaged
Points = dict[float, float]  # return by step


class AttemptCurves:
    """The records of one attempt. `read` adds what was appended since the last call.

    budget: environment steps of each seed. evaluations: for each seed, the return at each point of the evaluation grid.
    step: the largest step that a record or the heartbeat names.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        self._folder, self._budget = folder, max(1, budget)
        self._files = {table: GrowingFile(folder / f"{table}.jsonl") for table in ("evaluations", "episodes")}
        self.evaluations: dict[int, Points] = {}
        self._sums: dict[int, NDArray[np.float64]] = {}  # by seed: sum of returns and number of episodes, [2, BINS]
        self.step = 0

    def read(self) -> bool:
        """Read what is new. Returns: whether there were new records."""
        evaluations, episodes = (self._files[table].rows() for table in ("evaluations", "episodes"))
        for row in evaluations:
            self._add_evaluation(row)
        for row in episodes:
            self._add_episode(row)
        heartbeat = read_json(self._folder / "heartbeat") or {}
        self._advance(heartbeat.get("step"))
        return bool(evaluations or episodes)

    def _add_evaluation(self, row: Mapping[str, Any]) -> None:
        seed, step, value = row.get("seed"), row.get("nominal_step"), row.get("return_mean")
        if row.get("kind") == "grid" and _is_step(seed) and _is_step(step) and _is_return(value):
            self.evaluations.setdefault(int(seed), {})[float(step)] = float(value)
        self._advance(row.get("step"))

    def _add_episode(self, row: Mapping[str, Any]) -> None:
        seed, step, value = row.get("seed"), row.get("step"), row.get("return")
        if row.get("end") != "abandoned" and _is_step(seed) and _is_step(step) and _is_return(value):
            place = min(BINS - 1, max(0, int(step) - 1) * BINS // self._budget)
            sums = self._sums.setdefault(int(seed), np.zeros((2, BINS)))
            sums[:, place] += value, 1
        self._advance(step)

    def _advance(self, step: object) -> None:
        if _is_step(step):
            self.step = max(self.step, min(int(step), self._budget))

    def training(self) -> dict[int, Points]:
        """Return, for each seed, the mean return of the episodes in each bin, by the bin's middle; no empty bins."""
        middles = (np.arange(BINS) + 0.5) * self._budget / BINS
        curves = {}
        for seed, (sums, counts) in self._sums.items():
            filled = counts > 0
            curves[seed] = dict(zip(middles[filled].tolist(), (sums[filled] / counts[filled]).tolist()))
        return curves


def _is_step(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _is_return(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_RETURN
