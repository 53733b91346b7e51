"""One EnvPool environment as a `gymnasium.Env`, for libraries that own their loop.

With this environment, such a library can be used in a suite whose backend is EnvPool. EnvPool's time per step is
longest with a single environment.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from rlbench import Task
from rlbench.api import Array
from rlbench_envpool.pool import Pool, task_spec

_ONLY = np.zeros(1, np.int32)


class EnvPoolEnv(gymnasium.Env[Any, Any]):
    """An environment whose first `reset` seeds its stream; all later episodes are drawn from that stream."""

    def __init__(self, task: Task) -> None:
        self._task, self._task_spec = task, task_spec(task)
        self.observation_space, self.action_space = self._task_spec.observation_space, self._task_spec.action_space
        self.spec = self._task_spec.spec
        self._pool: Pool | None = None
        self._seed: int | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin the next episode. Raises: ValueError if the first reset has no seed, or a later reset another seed."""
        if self._pool is None:
            if seed is None:
                raise ValueError(
                    "the first reset of an EnvPool environment needs a seed, which starts its random numbers"
                )
            self._seed, self._pool = seed, Pool(self._task, self._task_spec, [seed])
        elif seed not in (None, self._seed):
            raise ValueError(f"EnvPool cannot reseed: this environment was made with seed {self._seed}, not {seed}")
        return self._pool.reset(_ONLY)[0], {}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        if self._pool is None:
            raise ValueError("call reset before the first step")
        obs, reward, terminated, truncated = self._pool.step(_ONLY, action)
        return obs[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), {}

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        self._pool = None
