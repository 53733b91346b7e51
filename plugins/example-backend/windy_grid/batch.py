"""The windy gridworld, with any number of lanes in one numpy call (see rlbench.api.EnvBatch).

Source: Sutton & Barto 2018, example 6.5; with gusts, exercise 6.10. Each step has reward −1; the goal is 15 steps away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete
from numpy.random import PCG64, Generator, SeedSequence

from rlbench import RlbenchError, Task
from rlbench.api import Array

ID = "WindyGrid-v0"
WIND = np.array([0, 0, 0, 1, 1, 1, 2, 2, 1, 0])  # upward shift in rows, by column
ROWS, COLUMNS = 7, len(WIND)
START, GOAL = (3, 0), (3, 7)
MOVES = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])  # up, down, left, right, as (row, column)
LIMIT = 200  # steps after which an episode is truncated


class WindyBatch:
    """Independent lanes: each episode draws its gusts at its reset, from its own seed."""

    def __init__(self, task: Task, lanes: int) -> None:
        """task.kwargs: gusts, whether the wind varies by one row. Raises: RlbenchError for an unsupported task."""
        self._gusty = _gusts_of(task)
        self.observation_space = Box(0, 1, (ROWS * COLUMNS,), np.float32)  # one-hot
        self.action_space = Discrete(len(MOVES))
        self._cells = np.zeros((lanes, 2), np.int64)
        self._taken = np.zeros(lanes, np.int64)
        self._gusts = np.zeros((lanes, LIMIT), np.int64)

    def reset(self, lane: int, seed: int) -> Array:
        self._cells[lane], self._taken[lane] = START, 0
        if self._gusty:
            self._gusts[lane] = Generator(PCG64(SeedSequence(seed))).integers(-1, 2, LIMIT)
        return self._observe(self._cells[[lane]])[0]

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        """Step some lanes. A lane whose episode has ended is reset before it is stepped again."""
        index, chosen = np.asarray(lanes), np.asarray(actions)
        if not ((chosen >= 0) & (chosen < len(MOVES))).all():
            raise RlbenchError(f"an action of {chosen.tolist()} is not in {self.action_space}")
        cells = self._cells[index]
        wind = WIND[cells[:, 1]]  # the wind of the column that the agent leaves
        wind = wind + np.where(wind > 0, self._gusts[index, self._taken[index]], 0)
        cells = cells + MOVES[chosen]
        cells[:, 0] -= wind
        cells = np.clip(cells, 0, (ROWS - 1, COLUMNS - 1))
        self._cells[index] = cells
        self._taken[index] += 1
        terminated = (cells == GOAL).all(1)
        truncated = ~terminated & (self._taken[index] >= LIMIT)
        return self._observe(cells), np.full(len(index), -1.0), terminated, truncated

    def _observe(self, cells: Array) -> Array:
        """Return observations [lanes, ROWS · COLUMNS] in a new array, because the caller keeps it."""
        obs = np.zeros((len(cells), ROWS * COLUMNS), np.float32)
        obs[np.arange(len(cells)), cells[:, 0] * COLUMNS + cells[:, 1]] = 1
        return obs

    def close(self) -> None:
        pass


def _gusts_of(task: Task) -> bool:
    """Return whether the task has gusts. Refuse what is not supported, so that a result's task is the task that ran."""
    if task.env_id != ID:
        raise RlbenchError(f"the backend windy has only {ID}, not {task.env_id}; leave out `backend` for Gymnasium's")
    if task.wrappers:
        raise RlbenchError(f"the backend windy takes no wrappers; remove {task.wrappers[0].name}")
    unknown = [name for name in task.kwargs if name != "gusts"]
    if unknown:
        raise RlbenchError(f"{ID} has no argument {unknown[0]!r}; it has gusts (true or false)")
    return bool(task.kwargs.get("gusts", False))
