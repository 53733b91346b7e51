"""Storage for one on-policy rollout [S, T, N, …], which is filled step by step and then read as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rlbench.kit.replay import Field


class Rollout:
    """T steps of N environments of S seeds. The memory is reused, so read a rollout before the next one begins."""

    def __init__(self, num_seeds: int, horizon: int, num_envs: int, device: str = "cpu", **fields: Field) -> None:
        self.horizon, self.length = horizon, 0
        self._device = device
        self._fields = {
            name: torch.zeros(num_seeds, horizon, num_envs, *f.shape, dtype=f.dtype) for name, f in fields.items()
        }
        self._writable = {name: t.numpy() for name, t in self._fields.items()}

    @property
    def full(self) -> bool:
        return self.length == self.horizon

    def clear(self) -> None:
        self.length = 0

    def add(self, **step: Any) -> None:
        """Append one step: one array or CPU tensor [S, N, …] per field."""
        for name, values in step.items():
            self._writable[name][:, self.length] = np.asarray(values)
        self.length += 1

    def tensors(self) -> dict[str, Tensor]:
        """Return every field [S, T, N, …] on the device."""
        return {name: t.to(self._device) for name, t in self._fields.items()}
