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


def power(base: Array, exponent: float) -> Array:
    """baseᵉ of numbers above 0, as exp(e · log base): of contiguous float64 an element has the same bits anywhere."""
    return np.exp(exponent * np.log(np.ascontiguousarray(base, np.float64)))


class SumTree:
    """Weights [S, capacity], all 0 at first, and the sums that find one by its part of the total in log₂ steps.

    Each seed's tree is a row of 2·leaves numbers, leaves the next power of two: node 1 is the root, the children of n
    are 2n and 2n + 1, the weights begin at node `leaves`. A node is always its children's sum, so sums do not drift,
    and the same weights give the same bits however they came about.
    """

    def __init__(self, num_seeds: int, capacity: int) -> None:
        self.capacity, self._levels = capacity, max(capacity - 1, 0).bit_length()
        self._leaves = 1 << self._levels
        self._nodes = np.zeros((num_seeds, 2 * self._leaves))
        self._flat, self._pairs = self._nodes.reshape(-1), self._nodes.reshape(-1, 2)  # pair n: the children of node n
        self._offset = np.arange(num_seeds)[:, None]  # [S, 1]

    @property
    def total(self) -> Array:
        """[S]"""
        return self._nodes[:, 1]

    @property
    def weights(self) -> Array:
        """[S, capacity]"""
        return self._nodes[:, self._leaves : self._leaves + self.capacity]

    def get(self, index: Indices) -> Array:
        """The weights at `index` [S, B]."""
        return self._flat[self._offset * (2 * self._leaves) + self._leaves + index]

    def set(self, index: Indices, weight: Array) -> None:
        """Give the places `index` [S, B] their `weight` [S, B], finite and not negative.

        Of a place named twice the last counts (numpy assigns in order).
        """
        node = self._leaves + index
        trees, pairs = self._offset * (2 * self._leaves), self._offset * self._leaves
        self._flat[trees + node] = weight
        for _ in range(self._levels):
            node >>= 1
            children = self._pairs[pairs + node]  # [S, B, 2]
            self._flat[trees + node] = children[..., 0] + children[..., 1]

    def find(self, mass: Array) -> Indices:
        """For each of `mass` [S, B], in [0, total): the place in whose share of the running sum of weights it lies.

        A weight of 0 is never found, whatever rounding does, as long as the total is above 0.
        """
        mass, node = mass.copy(), np.ones(mass.shape, np.int64)
        pairs = self._offset * self._leaves
        for _ in range(self._levels):
            children = self._pairs[pairs + node]
            left, right = children[..., 0], children[..., 1]
            goes_right = (mass >= left) & (right > 0)
            mass -= np.where(goes_right, left, 0.0)
            node = 2 * node + goes_right
        return node - self._leaves

    def load(self, weights: Array) -> None:
        """Take `weights` [S, n], n at most the capacity, for the first places, and 0 for the others."""
        self._nodes[:] = 0.0
        self._nodes[:, self._leaves : self._leaves + weights.shape[1]] = weights
        for level in reversed(range(self._levels)):
            first = 1 << level
            children = self._nodes[:, 2 * first : 4 * first]
            self._nodes[:, first : 2 * first] = children[:, ::2] + children[:, 1::2]


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
