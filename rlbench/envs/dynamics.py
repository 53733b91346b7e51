"""A task's dynamics for whole columns of environments, and arithmetic as numpy's own numbers do it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.random import Generator

from rlbench.api import Array

Columns = tuple[Array, ...]


class Dynamics(ABC):
    """A task without its time limit. State: float64 columns, each [n]; actions [n] whole numbers, or [n, 1] floats."""

    @abstractmethod
    def start(self, generator: Generator) -> tuple[Array, Array]:
        """Draw a first state [columns], and what is observed of it."""

    @abstractmethod
    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        """The next state, rewards [n] float64, terminated [n] bool."""

    def observe(self, state: Columns) -> Array:
        """Observations [n, …] float32."""
        return float32(*state)


def float32(*columns: Array) -> Array:
    """Columns [n] as rows [n, columns]."""
    rows = np.empty((len(columns[0]), len(columns)), np.float32)
    for i, column in enumerate(columns):
        rows[:, i] = column
    return rows


def squared(column: Array) -> Array:
    """x ** 2 as a numpy number computes it."""
    return np.array([math.pow(number, 2.0) for number in column.tolist()])


def square(number: float) -> float:
    return math.pow(number, 2.0)
