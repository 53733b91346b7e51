"""Prioritised replay for stacked seeds: a ring buffer and a sum tree, which draws transitions by their priority.

Priorities are float64 numpy arrays on the CPU, whatever the device of the transitions.
Source: Schaul et al. 2016, "Prioritized Experience Replay", arXiv:1511.05952, proportional variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.frame_replay import replay_for
from rlbench.kit.replay import Field

Indices = NDArray[np.int64]
FAN = 16  # children per node of the tree


def power(base: Array, exponent: float) -> Array:
    """Return base to the power of the exponent, for a base above 0, as exp(exponent · log base).

    The computation uses contiguous float64, so that the bits of an element do not depend on its position.
    """
    return np.exp(exponent * np.log(np.ascontiguousarray(base, np.float64)))


class SumTree:
    """Weights [S, capacity], initially 0, and a tree of their sums that finds a weight by cumulative sum.

    A search takes log₁₆(capacity) steps: every node has sixteen children and contains their sum. An operation needs a
    few numpy calls per level. A call takes longer than the numbers in it, so wide nodes are faster than pairs. A sum is
    always computed anew from its sixteen children. So sums do not drift, and equal weights have equal sums, bit for
    bit, whatever the order of updates.
    """

    def __init__(self, num_seeds: int, capacity: int) -> None:
        self.capacity = capacity
        sizes = [_round_up(capacity)]
        while sizes[-1] > FAN:
            sizes.append(_round_up(sizes[-1] // FAN))
        # From the weights up to the level that has only one block. The sum of that block is the total.
        self._levels = [np.zeros((num_seeds, size)) for size in sizes]
        self._flat = [level.reshape(-1) for level in self._levels]
        self._blocks = [level.reshape(-1, FAN) for level in self._levels]
        self._starts = [np.arange(num_seeds)[:, None] * size for size in sizes]  # [S, 1]
        self.total = np.zeros(num_seeds)

    @property
    def weights(self) -> Array:
        """The weights [S, capacity]."""
        return self._levels[0][:, : self.capacity]

    def get(self, index: Indices) -> Array:
        """Return the weights at `index` [S, B]."""
        weights: Array = self._flat[0][self._starts[0] + index]
        return weights

    def set(self, index: Indices, weight: Array) -> None:
        """Set the weights at `index` [S, B] to `weight` [S, B], finite and not negative.

        If an index occurs twice, its last weight counts (numpy assigns in order).
        """
        self._flat[0][self._starts[0] + index] = weight
        for k in range(1, len(self._levels)):
            index = index // FAN
            children = self._blocks[k - 1][self._starts[k - 1] // FAN + index]  # [S, B, 16]
            self._flat[k][self._starts[k] + index] = children.sum(-1)
        self.total = self._levels[-1].sum(-1)

    def find(self, mass: Array) -> Indices:
        """Return for each `mass` [S, B], in [0, total), the index whose interval of cumulative weights contains it.

        An index with weight 0 is never returned, whatever the rounding, as long as the total is above 0.
        """
        index = np.zeros(mass.shape, np.int64)
        lanes = np.arange(mass.size)
        for k in reversed(range(len(self._levels))):
            rows = (self._starts[k] // FAN + index).reshape(-1)
            # The axis of children is first: numpy then adds and compares rows of S · B numbers instead of sixteen.
            edges = np.ascontiguousarray(self._blocks[k][rows].T).cumsum(0)  # [16, S·B]
            mass = np.minimum(mass.reshape(-1), np.nextafter(edges[-1], 0.0))  # rounding may exceed the last edge
            child = (edges <= mass).sum(0)  # the first child whose edge is greater, so that its own weight is above 0
            mass = mass - np.where(child > 0, edges[child - 1, lanes], 0.0)
            index = index * FAN + child.reshape(index.shape)
        return index

    def load(self, weights: Array) -> None:
        """Set the first n weights to `weights` [S, n], and all others to 0. n is at most the capacity."""
        self._levels[0][:] = 0.0
        self._levels[0][:, : weights.shape[1]] = weights
        for k in range(1, len(self._levels)):
            sums = self._blocks[k - 1].sum(-1).reshape(len(weights), -1)
            self._levels[k][:, : sums.shape[1]] = sums
        self.total = self._levels[-1].sum(-1)


def _round_up(size: int) -> int:
    """Round `size` up to whole blocks, at least one."""
    return max(-(-size // FAN), 1) * FAN


class PrioritizedReplay:
    """A `Replay` that draws transition i with probability p_i^α / Σ_k p_k^α.

    p_i is |error| + floor, with the error at the last update of transition i. A new transition gets the largest p^α
    that its seed has had (initially 1), so it is likely to be drawn soon. n_step: see `replay_for`.
    """

    def __init__(
        self,
        num_seeds: int,
        capacity: int,
        device: str = "cpu",
        *,
        alpha: float,
        floor: float,
        n_step: int = 1,
        **fields: Field,
    ) -> None:
        self.ring = replay_for(num_seeds, capacity, device, fields, n_step)
        self._tree = SumTree(num_seeds, capacity)
        # Indices and weights of new transitions that are not in the tree yet. One pass through the tree adds several.
        self._pending: list[tuple[Indices, Array]] = []
        self.largest = np.ones((num_seeds, 1))  # the largest p^α of each seed
        self._alpha, self._floor, self._device = alpha, floor, device

    def add(self, **transition: Array) -> None:
        """Append N transitions of every seed: one array [S, N, …] per field."""
        count = next(iter(transition.values())).shape[1]
        indices = (self.ring.position + np.arange(count)) % self.ring.capacity
        self.ring.add(**transition)
        shape = (len(self.largest), count)
        self._pending.append((np.broadcast_to(indices, shape), np.broadcast_to(self.largest, shape)))
        if len(self._pending) >= 64:  # a limit, because a warm-up adds transitions without reading the tree
            self._add_pending()

    @property
    def tree(self) -> SumTree:
        """The sum tree with the weights of all transitions."""
        self._add_pending()
        return self._tree

    def _add_pending(self) -> None:
        if self._pending:
            indices, weights = (np.concatenate(arrays, 1) for arrays in zip(*self._pending))
            self._pending.clear()
            self._tree.set(indices, weights)

    def sample(self, uniform: Array, beta: float) -> tuple[Indices, dict[str, Tensor]]:
        """Draw one transition from each of B strata of equal probability. uniform: random numbers [S, B] in [0, 1).

        Returns: the indices [S, B], for `update`, and every field as [S, B, …]. The field "weight" [S, B] is a factor
            for the loss: (n · P(i))^−β, divided by its maximum in this seed's minibatch and hence in (0, 1].
        """
        batch = uniform.shape[1]
        tree = self.tree
        index = tree.find((np.arange(batch) + uniform) / batch * tree.total[:, None])
        weights = tree.get(index)
        weight = torch.from_numpy(power(weights.min(-1, keepdims=True) / weights, beta).astype(np.float32))
        fields = self.ring.sample(torch.from_numpy(index).to(self._device))
        return index, {**fields, "weight": weight.to(self._device)}

    def update(self, index: Indices, error: Array, active: Array) -> None:
        """Set the priorities of the transitions at `index` from their temporal-difference errors [S, B].

        active: [S] bool, the seeds to update. If an error is not finite, the transition keeps its priority.
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
        self._pending.clear()
        self._tree.load(np.asarray(state["priority"]))
        self.largest = np.asarray(state["largest"]).copy()
