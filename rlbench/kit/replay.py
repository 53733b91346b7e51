"""A ring buffer of past transitions for stacked seeds [S, capacity, …]. Sources: Lin 1992; Mnih et al. 2015.

The true successor is stored with each observation, so truncation needs no special case. On a CPU, the buffer takes
memory only as it fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlbench.api import Array, Transition
from rlbench.kit.per_seed import Number, array_of
from rlbench.seeding import SeedStreams


class Field(NamedTuple):
    """A field of a transition: its shape without the leading axes, and its dtype.

    frames: the number of frames if the field is a stack of frames, with the newest frame last; 1: it is no stack.
    `replay_for` stores each frame of a stack once.
    """

    shape: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float32
    frames: int = 1


class Batch(NamedTuple):
    """A minibatch of transitions [S, B, …].

    discount: the factor of the next state's value: γ, or γⁿ after n steps; 0 after termination, but not truncation.
    """

    obs: Tensor
    action: Tensor
    reward: Tensor
    next_obs: Tensor
    discount: Tensor


def unfilled(*shape: int, dtype: torch.dtype, device: str = "cpu") -> Tensor:
    """Return zeros. On a CPU, unlike `torch.zeros`, they take memory only where something is written."""
    if device != "cpu":
        return torch.zeros(*shape, dtype=dtype, device=device)
    return torch.from_numpy(np.zeros(shape, torch.empty(0, dtype=dtype).numpy().dtype))


def replay_fields(obs: int | Field, action: Field) -> dict[str, Field]:
    """Return the fields of a `Batch`, for `Replay`.

    obs: the field of flat observations, or their length if they are floats. action: the field of actions.
    """
    obs, number = Field((obs,)) if isinstance(obs, int) else obs, Field()
    return {"obs": obs, "action": action, "reward": number, "next_obs": obs, "discount": number}


def clipped_reward(reward: Array, limit: float | None) -> Array:
    """Return rewards limited to ± `limit` (Mnih et al. 2015). If `limit` is None, return them unchanged."""
    return reward if limit is None else reward.clip(-limit, limit)


def replay_entry(
    t: Transition, gamma: Number, action: Array | None = None, clip_reward: float | None = None
) -> dict[str, Array]:
    """Return a step as the fields of a `Batch`, for `Replay.add`, with flat observations [S, N, obs_size].

    action: actions [S, N, …] to store instead of the environments' actions, such as normalised actions.
    clip_reward: see `clipped_reward`.
    """
    lead = t.reward.shape
    return {
        "obs": t.obs.reshape(*lead, -1),
        "action": t.action if action is None else action,
        "reward": clipped_reward(t.reward, clip_reward),
        "next_obs": t.next_obs.reshape(*lead, -1),
        "discount": np.where(t.terminated, np.float32(0), array_of(gamma, t.terminated.ndim)),  # truncation bootstraps
    }


class Replay:
    """A ring buffer that overwrites the oldest transitions. size: stored transitions of each seed, at most capacity."""

    def __init__(self, num_seeds: int, capacity: int, device: str = "cpu", **fields: Field) -> None:
        self.capacity, self.size, self.position = capacity, 0, 0
        self._fields = {
            name: unfilled(num_seeds, capacity, *f.shape, dtype=f.dtype, device=device) for name, f in fields.items()
        }
        # On a CPU, rows are written through numpy views, which takes a fifth of the time of writing into a tensor.
        self._writable: Mapping[str, Any] = {n: t.numpy() if device == "cpu" else t for n, t in self._fields.items()}
        self._flat = {name: t.view(num_seeds * capacity, *t.shape[2:]) for name, t in self._fields.items()}
        self._offset = torch.arange(num_seeds, device=device).unsqueeze(1) * capacity  # [S, 1]

    def add(self, **transition: Array) -> None:
        """Append N transitions of every seed: one array [S, N, …] per field."""
        count = next(iter(transition.values())).shape[1]
        start = self.position
        index: Any = (
            slice(start, start + count)
            if start + count <= self.capacity
            else np.arange(start, start + count) % self.capacity
        )
        for name, values in transition.items():
            target = self._writable[name]
            target[:, index] = values if isinstance(target, np.ndarray) else torch.from_numpy(values).to(target.device)
        self.position = (start + count) % self.capacity
        self.size = min(self.size + count, self.capacity)

    def sample(self, index: Tensor) -> dict[str, Tensor]:
        """Return the transitions at `index` [S, B], each in [0, size): every field as [S, B, …]."""
        rows = (index + self._offset).view(-1)
        return {
            name: flat.index_select(0, rows).view(*index.shape, *flat.shape[1:]) for name, flat in self._flat.items()
        }

    def minibatch(self, streams: SeedStreams, size: int) -> dict[str, Tensor]:
        """Draw `size` transitions of each seed, uniformly and with replacement, using the stream "replay"."""
        return self.sample(torch.from_numpy(streams.integers("replay", self.size, size)).to(self._offset.device))

    def stored(self, name: str) -> Tensor:
        """Return a field of all stored transitions [S, size, …], in no particular order, as a view."""
        return self._fields[name][:, : self.size]

    def state(self) -> dict[str, Any]:
        fields: dict[str, Any] = {name: t[:, : self.size] for name, t in self._fields.items()}
        return {**fields, "size": self.size, "position": self.position}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.size, self.position = state["size"], state["position"]
        for name, t in self._fields.items():
            t[:, : self.size] = state[name]
