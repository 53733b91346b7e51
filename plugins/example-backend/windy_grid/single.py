"""One lane of a batch as a `gymnasium.Env`, for libraries with their own training loop, and for reading the spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium

from rlbench.api import Array

if TYPE_CHECKING:
    from rlbench.api import EnvBatch


class SingleLaneEnv(gymnasium.Env[Any, Any]):
    """An environment over any batch of a single lane. Its steps equal the lane's, bit for bit."""

    def __init__(self, batch: EnvBatch) -> None:
        self._batch = batch
        self.observation_space, self.action_space = batch.observation_space, batch.action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        own = int(self.np_random.integers(1 << 31)) if seed is None else seed
        return self._batch.reset(0, own), {}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        obs, reward, terminated, truncated = self._batch.step([0], [action])
        return obs[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), {}

    def close(self) -> None:
        self._batch.close()
