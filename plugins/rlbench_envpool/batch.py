"""S × N environments in one pool, for loops written on `Interaction.step` (see rlbench.api.EnvBatch)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlbench import Task
from rlbench.api import Array
from rlbench_envpool.pool import Pool, task_spec


class EnvPoolBatch:
    """A batch in which lane i draws all its episodes from the stream of `seeds[i]`, independent of other lanes."""

    def __init__(self, task: Task, seeds: Sequence[int]) -> None:
        spec = task_spec(task)
        self.observation_space, self.action_space = spec.observation_space, spec.action_space
        # float64 observations become float32, as in networks and replays.
        source = np.dtype(spec.observation_space.dtype)
        self._dtype = np.dtype(np.float32) if source.kind == "f" else source
        self._pool = Pool(task, spec, seeds)
        self._seeds = tuple(seeds)
        self._all = np.arange(len(seeds), dtype=np.int32)
        # The first observations of episodes that the pool has begun, but for which `reset` was not called yet.
        self._begun = dict(enumerate(self._first(self._all)))

    def reset(self, lane: int, seed: int) -> Array:
        """Begin the lane's next episode. Raises: ValueError if `seed` is not that of the lane's stream."""
        if seed != self._seeds[lane]:
            raise ValueError(f"EnvPool cannot reseed: lane {lane} was made with seed {self._seeds[lane]}, not {seed}")
        if lane not in self._begun:  # the episode is abandoned before its end
            first: Array = self._first(np.array([lane], np.int32))[0]
            return first
        begun: Array = self._begun.pop(lane)
        return begun

    def step(self, lanes: Sequence[int], actions: Any) -> tuple[Array, Array, Array, Array]:
        ids = self._all if len(lanes) == len(self._all) else np.array(lanes, np.int32)
        obs, reward, terminated, truncated = self._pool.step(ids, actions)
        ended = terminated | truncated
        # Episodes that end together are reset together, because one call costs as much as twenty environments.
        if np.count_nonzero(ended):
            lanes_ended = ids[ended]
            self._begun.update(zip(lanes_ended.tolist(), self._first(lanes_ended)))
        return obs.astype(self._dtype, copy=False), reward.astype(np.float64), terminated, truncated

    def _first(self, ids: Array) -> Array:
        return self._pool.reset(ids).astype(self._dtype, copy=False)

    def close(self) -> None:
        self._pool.close()
