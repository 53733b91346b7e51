"""Replay that draws a transition in proportion to its priority, for stacked seeds: a ring and, beside it, a sum tree.

Source: Schaul et al. 2016, "Prioritized Experience Replay", arXiv:1511.05952, proportional variant.
Priorities live in numpy on the CPU, in float64, whatever the device of the transitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.replay import Field, Replay

Indices = NDArray[np.int64]
FAN = 16  # parts of a sum in the tree


def power(base: Array, exponent: float) -> Array:
    """baseᵉ of numbers above 0, as exp(e · log base): of contiguous float64 an element has the same bits anywhere."""
    return np.exp(exponent * np.log(np.ascontiguousarray(base, np.float64)))


class SumTree:
    """Weights [S, capacity], all 0 at first, and the sums that find one by its part of the total in log₁₆ steps.

    Sixteen weights have a sum, sixteen sums one of theirs, and so on: an operation goes through a level in a few calls of
    numpy, which cost more than the numbers in them, so wide nodes beat pairs. A sum is always its sixteen parts', so sums do
    not drift, and the same weights give the same bits however they came about.
    """

    def __init__(self, num_seeds: int, capacity: int) -> None:
        self.capacity = capacity
        sizes = [_whole(capacity)]
        while sizes[-1] > FAN:
            sizes.append(_whole(sizes[-1] // FAN))
        # From the weights to the sums of which there is one block left, whose sum is the total.
        self._levels = [np.zeros((num_seeds, size)) for size in sizes]
        self._flat = [level.reshape(-1) for level in self._levels]
        self._blocks = [level.reshape(-1, FAN) for level in self._levels]
        self._starts = [np.arange(num_seeds)[:, None] * size for size in sizes]  # [S, 1]
        self.total = np.zeros(num_seeds)

    @property
    def weights(self) -> Array:
        """[S, capacity]"""
        return self._levels[0][:, : self.capacity]

    def get(self, index: Indices) -> Array:
        """The weights at `index` [S, B]."""
        return self._flat[0][self._starts[0] + index]

    def set(self, index: Indices, weight: Array) -> None:
        """Give the places `index` [S, B] their `weight` [S, B], finite and not negative.

        Of a place named twice the last counts (numpy assigns in order).
        """
        self._flat[0][self._starts[0] + index] = weight
        for k in range(1, len(self._levels)):
            index = index // FAN
            parts = self._blocks[k - 1][self._starts[k - 1] // FAN + index]  # [S, B, 16]
            self._flat[k][self._starts[k] + index] = parts.sum(-1)
        self.total = self._levels[-1].sum(-1)

    def find(self, mass: Array) -> Indices:
        """For each of `mass` [S, B], in [0, total): the place in whose share of the running sum of weights it lies.

        A weight of 0 is never found, whatever rounding does, as long as the total is above 0.
        """
        index = np.zeros(mass.shape, np.int64)
        lanes = np.arange(mass.size)
        for k in reversed(range(len(self._levels))):
            rows = (self._starts[k] // FAN + index).reshape(-1)
            # Parts first: numpy then adds and compares whole rows of S · B numbers, not as many runs of sixteen.
            edges = np.ascontiguousarray(self._blocks[k][rows].T).cumsum(0)  # [16, S·B]
            mass = np.minimum(mass.reshape(-1), np.nextafter(edges[-1], 0.0))  # rounding may have passed the end
            part = (edges <= mass).sum(0)  # the first whose edge lies beyond, so its own part is above 0
            mass = mass - np.where(part > 0, edges[part - 1, lanes], 0.0)
            index = index * FAN + part.reshape(index.shape)
        return index

    def load(self, weights: Array) -> None:
        """Take `weights` [S, n], n at most the capacity, for the first places, and 0 for the others."""
        self._levels[0][:] = 0.0
        self._levels[0][:, : weights.shape[1]] = weights
        for k in range(1, len(self._levels)):
            sums = self._blocks[k - 1].sum(-1).reshape(len(weights), -1)
            self._levels[k][:, : sums.shape[1]] = sums
        self.total = self._levels[-1].sum(-1)


def _whole(size: int) -> int:
    """`size` rounded up to whole blocks, at least one."""
    return max(-(-size // FAN), 1) * FAN


class PrioritizedReplay:
    """A `Replay` that draws transition i with probability p_i^α / Σ_k p_k^α, p_i = |error| + floor at its last update.

    New transitions have the largest p^α of their seed so far (1 at first), so that each is likely to be drawn soon.
    """

    def __init__(
        self, num_seeds: int, capacity: int, device: str = "cpu", *, alpha: float, floor: float, **fields: Field
    ) -> None:
        self.ring, self._tree = Replay(num_seeds, capacity, device, **fields), SumTree(num_seeds, capacity)
        # Places and weights of what was added and is not in the tree yet: its levels are gone through once for several.
        self._waiting: list[tuple[Indices, Array]] = []
        self.largest = np.ones((num_seeds, 1))  # of p^α
        self._alpha, self._floor, self._device = alpha, floor, device

    def add(self, **transition: Array) -> None:
        """Append N transitions of every seed: arrays [S, N, …], one for each field."""
        count = next(iter(transition.values())).shape[1]
        places = (self.ring.position + np.arange(count)) % self.ring.capacity
        self.ring.add(**transition)
        shape = (len(self.largest), count)
        self._waiting.append((np.broadcast_to(places, shape), np.broadcast_to(self.largest, shape)))
        if len(self._waiting) >= 64:  # in a warm-up nobody asks
            self._settle()

    @property
    def tree(self) -> SumTree:
        """The weights of all transitions."""
        self._settle()
        return self._tree

    def _settle(self) -> None:
        if self._waiting:
            places, weights = (np.concatenate(arrays, 1) for arrays in zip(*self._waiting))
            self._waiting.clear()
            self._tree.set(places, weights)

    def sample(self, uniform: Array, beta: float) -> tuple[Indices, dict[str, Tensor]]:
        """Draw one transition from each of B strata of equal probability, by `uniform` [S, B] in [0, 1).

        Returns: their places [S, B], for `update`, and every field as [S, B, …], with "weight" [S, B] for the loss:
            (n · P(i))^−β over its maximum in this seed's minibatch, hence in (0, 1].
        """
        batch = uniform.shape[1]
        tree = self.tree
        index = tree.find((np.arange(batch) + uniform) / batch * tree.total[:, None])
        found = tree.get(index)
        weight = torch.from_numpy(power(found.min(-1, keepdims=True) / found, beta).astype(np.float32))
        fields = self.ring.sample(torch.from_numpy(index).to(self._device))
        return index, {**fields, "weight": weight.to(self._device)}

    def update(self, index: Indices, error: Array, active: Array) -> None:
        """Set priorities from the temporal-difference errors [S, B] of the transitions at `index`, for the seeds in
        `active` [S] bool; an error that is not finite leaves its priority as it was.
        """
        new = power(np.abs(error.astype(np.float64)) + self._floor, self._alpha)
        tree = self.tree
        new = np.where(active[:, None] & np.isfinite(new), new, tree.get(index))
        self.largest = np.maximum(self.largest, new.max(-1, keepdims=True))
        tree.set(index, new)

    def state(self) -> dict[str, Any]:
        ring = self.ring.state()
        return {**ring, "priority": self.tree.weights[:, : ring["size"]], "largest": self.largest}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.ring.load_state(state)
        self._waiting.clear()
        self._tree.load(np.asarray(state["priority"]))
        self.largest = np.asarray(state["largest"]).copy()
