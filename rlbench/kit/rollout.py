"""Storage for one on-policy rollout [S, T, N, …], which is filled step by step and then read as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def minibatches(columns: Sequence[Tensor], order: Tensor, size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield the steps of a rollout in the given order, `size` of each seed at a time: columns as [S, size, …].

    columns: [S, T, N, …]. order: each seed's permutation of its T · N steps [S, T·N]; size divides T · N.
    """
    seeds, steps = order.shape
    offset = torch.arange(seeds, device=order.device).unsqueeze(1) * steps
    # One gather per column for all minibatches is faster than one per minibatch.
    index = (order + offset).view(seeds, -1, size).transpose(0, 1).flatten()
    shuffled = [x.flatten(0, 2).index_select(0, index).view(-1, seeds, size, *x.shape[3:]) for x in columns]
    yield from zip(*shuffled)
