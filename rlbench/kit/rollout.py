"""Storage for one on-policy rollout [S, T, N, …], which is filled step by step and then read as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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


def rollout_values(
    value_of: Callable[..., Tensor], params: Sequence[Tensor], r: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the values of a rollout's states and of their successors, both [S, T, N].

    Each image is evaluated only once, because the successor of a step is usually the state of the next step. Successors
    of the last step and of truncated steps are evaluated separately. The returned value of a terminal state is
    arbitrary, because its discount is 0. Vectors are evaluated twice, which takes less time than selecting them. If the
    rollout has the field `value`, its states are not evaluated again.

    Args: value_of: (*params, states [S, A, B, …]) → values [S, A, B]; r: the rollout's fields, obs and next_obs
        [S, T, N, …], terminated and cut [S, T, N] bool, and value [S, T, N] if it was computed with the actions.
    """
    if "value" not in r and r["obs"].dtype != torch.uint8:
        return value_of(*params, r["obs"]), value_of(*params, r["next_obs"])
    (seeds, _, num_envs), successors = r["cut"].shape, r["next_obs"].flatten(0, 2)
    value = r["value"] if "value" in r else value_of(*params, r["obs"])
    next_value = torch.cat([value[:, 1:], value_of(*params, r["next_obs"][:, -1:])], 1).flatten(1)  # [S, T · N]
    truncated = (r["cut"] & ~r["terminated"]).flatten(1)
    truncated[:, -num_envs:] = False  # known already
    order = truncated.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
    offset = torch.arange(seeds, device=order.device).unsqueeze(1) * truncated.shape[1]
    # Evaluate N at a time, so that the size of a seed's batch does not depend on other seeds.
    for begin in range(0, int(truncated.sum(1).max()), num_envs):
        steps = order[:, begin : begin + num_envs]  # [S, N]
        states = successors.index_select(0, (steps + offset).flatten())
        found = value_of(*params, states.view(seeds, 1, num_envs, *states.shape[1:])).flatten(1)
        next_value.scatter_(1, steps, torch.where(truncated.gather(1, steps), found, next_value.gather(1, steps)))
    return value, next_value.view_as(value)


def sequence_minibatches(columns: Sequence[Tensor], order: Tensor, size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield the whole sequences of `size` environments of each seed at a time: columns as [S, T, size, …].

    columns: [S, T, N, …]; T may differ between columns. order: a permutation of the N environments for each seed
    [S, N]. size has to divide N.
    """
    seeds, lanes = order.shape
    index = (order + torch.arange(seeds, device=order.device).unsqueeze(1) * lanes).view(seeds, -1, size)
    rows = [x.transpose(1, 2).flatten(0, 1) for x in columns]
    for chosen in index.transpose(0, 1):
        found = [x.index_select(0, chosen.flatten()) for x in rows]
        yield tuple(x.view(seeds, size, *x.shape[1:]).transpose(1, 2).contiguous() for x in found)


def minibatches(columns: Sequence[Tensor], order: Tensor, size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield the steps of a rollout in the given order, `size` of each seed at a time: columns as [S, size, …].

    columns: [S, T, N, …]. order: a permutation of the T · N steps for each seed [S, T·N]. size has to divide T · N.
    """
    seeds, steps = order.shape
    offset = torch.arange(seeds, device=order.device).unsqueeze(1) * steps
    # One gather per column for all minibatches is faster than one per minibatch.
    index = (order + offset).view(seeds, -1, size).transpose(0, 1).flatten()
    shuffled = [x.flatten(0, 2).index_select(0, index).view(-1, seeds, size, *x.shape[3:]) for x in columns]
    yield from zip(*shuffled)
