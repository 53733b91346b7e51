"""Tables of action values, for environments with numbered states. This module does not import torch.

Source: Sutton & Barto 2018, "Reinforcement Learning: An Introduction", sections 6.5 (Q-learning) and 8.2 (Dyna-Q).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rlbench.api import Array

Floats = NDArray[np.float64]


class QTable:
    """Action values of S seeds, [S, X, A], for X states and A actions. They begin at 0."""

    def __init__(self, num_seeds: int, num_states: int, num_actions: int) -> None:
        self.values: Floats = np.zeros((num_seeds, num_states, num_actions))
        self.num_actions = num_actions
        self._seeds = np.arange(num_seeds)

    def greedy(self, states: Array) -> Array:
        """Return the best action of each state, or the first of equally good ones: states [S, N] → actions [S, N]."""
        return np.asarray(self.values[self._seeds[:, None], states].argmax(-1))

    def epsilon_greedy(self, states: Array, epsilon: float, draws: Floats) -> Array:
        """Return actions [S, N] for states [S, N]: with probability epsilon any action, else one of the best actions.

        Both are drawn uniformly. draws: random numbers in [0, 1), [S, N, 2]. The first decides between any and best,
        the second draws the action.
        """
        values = self.values[self._seeds[:, None], states]  # [S, N, A]
        allowed = (values == values.max(-1, keepdims=True)) | (draws[..., :1] < epsilon)
        rank = (draws[..., 1] * allowed.sum(-1)).astype(np.int64)  # the place among those allowed
        return np.asarray((np.cumsum(allowed, -1) <= rank[..., None]).sum(-1))

    def update(
        self,
        rate: float,
        state: Array,
        action: Array,
        reward: Array,
        next_state: Array,
        discount: Array,
        where: NDArray[np.bool_],
    ) -> Floats:
        """Move one value of each seed towards r + discount · maxₐ Q(s', a), and return the errors before that [S].

        All arrays are [S]. discount: γ, or 0 after termination. where: the seeds to update; the error of others is 0.
        """
        target = reward + discount * self.values[self._seeds, next_state].max(-1)
        error = np.where(where, target - self.values[self._seeds, state, action], 0.0)
        self.values[self._seeds, state, action] += rate * error
        return np.asarray(error)


class TableModel:
    """A deterministic model for each of S seeds: the last observed outcome of each state and action.

    The cell of state x and action a is x · A + a.
    """

    def __init__(self, num_seeds: int, num_states: int, num_actions: int) -> None:
        shape = num_seeds, num_states * num_actions
        self.reward, self.discount = np.zeros(shape), np.zeros(shape)
        self.next_state = np.zeros(shape, np.int64)
        self.tried = np.zeros(shape, bool)
        self.cells = np.zeros(shape, np.int64)  # the first `count` are the tried cells, in the order of the first trial
        self.count = np.zeros(num_seeds, np.int64)
        self._seeds, self._num_actions = np.arange(num_seeds), num_actions

    def observe(
        self,
        state: Array,
        action: Array,
        reward: Array,
        next_state: Array,
        discount: Array,
        where: NDArray[np.bool_],
    ) -> None:
        """Store one transition of each seed. All arrays are [S]; where: the seeds whose transition is stored."""
        seeds = self._seeds[where]
        cell = (state * self._num_actions + action)[where]
        self.reward[seeds, cell], self.next_state[seeds, cell] = reward[where], next_state[where]
        self.discount[seeds, cell] = discount[where]
        new = ~self.tried[seeds, cell]
        self.cells[seeds[new], self.count[seeds[new]]] = cell[new]
        self.count[seeds[new]] += 1
        self.tried[seeds, cell] = True

    def draw(self, uniform: Floats) -> tuple[Array, Array, Array, Array, Array]:
        """Return a transition of each seed, drawn uniformly from the cells that were tried.

        uniform: a random number in [0, 1) for each seed, [S]. Returns: state, action, reward, next state and discount,
        each [S]. A seed without stored transitions gets cell 0, with reward 0 and discount 0.
        """
        place = (uniform * self.count).astype(np.int64)
        cell = self.cells[self._seeds, place]
        state, action = np.divmod(cell, self._num_actions)
        at = self._seeds, cell
        return state, action, self.reward[at], self.next_state[at], self.discount[at]

    def state(self) -> dict[str, Array]:
        """Return all stored transitions, as arrays [S, …]."""
        names = "reward", "discount", "next_state", "tried", "cells", "count"
        return {name: getattr(self, name).copy() for name in names}

    def load_state(self, state: dict[str, Array]) -> None:
        """Restore what `state` returned."""
        for name, array in state.items():
            getattr(self, name)[...] = array
