"""Evaluation curves of whole cells: the returns of every run on the task's grid, and what a diverged run counts with after its
last evaluation. Leaving it out from there on would flatter those that are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    pass

AGAINST = ("steps", "wall_seconds", "cpu_seconds")
POINTS = 101  # of a curve over tasks


@dataclass(frozen=True)
class Curves:
    """The evaluations of one algorithm on one task.

    steps [T]: points of the grid, ascending, nominal. returns [R, T]: each run's evaluation; of a diverged one after its
    last its score; NaN where it has none. wall_seconds [R, T]: the training clock then, NaN likewise. cpu_per_wall [R]: CPU
    seconds of a run for each second of its clock. keys [R].
    """

    algorithm: str
    environment: str
    steps: NDArray[np.float64]
    returns: NDArray[np.float64]
    wall_seconds: NDArray[np.float64]
    cpu_per_wall: NDArray[np.float64]
    budget: int
    keys: tuple[str, ...]
