"""A task's dynamics for many environments at once, and arithmetic with the same bits as numpy's scalars."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.random import Generator

from rlbench.api import Array

Columns = tuple[Array, ...]


class Dynamics(ABC):
    """The dynamics of a task without its time limit.

    State: float64 columns, each [n]. Actions: integers [n] or floats [n, 1].
    """

    @abstractmethod
    def start(self, generator: Generator) -> tuple[Array, Array]:
        """Draw the first state of an episode. Returns: the state [number of columns] and its observation."""

    @abstractmethod
    def step(self, state: Columns, actions: Array) -> tuple[Columns, Array, Array]:
        """Return the next state, rewards [n] float64 and terminated [n] bool."""

    def observe(self, state: Columns) -> Array:
        """Return the observations [n, …] float32."""
        return float32(*state)


def float32(*columns: Array) -> Array:
    """Stack the columns, each [n], into one array [n, number of columns] of float32."""
    rows = np.empty((len(columns[0]), len(columns)), np.float32)
    for i, column in enumerate(columns):
        rows[:, i] = column
    return rows


def square_column(column: Array) -> Array:
    """Square every entry as a numpy scalar does: x ** 2 is C's pow."""
    return np.array([math.pow(number, 2.0) for number in column.tolist()])


def square(number: float) -> float:
    """Square a number with C's pow."""
    return math.pow(number, 2.0)
