"""A check that numbers are finite, which is fast because it runs at every step.

x · 0 is 0 for a finite x and NaN otherwise. So one dot product with zeros checks a whole array. For a few numbers it
takes less than half the time of `isfinite(x).all()`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rlbench.api import Array


@lru_cache(maxsize=64)
def _zeros(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    return np.zeros(shape, dtype)


def all_finite(array: Array) -> bool:
    """Return whether every number is finite. Integers always are."""
    return bool(np.vdot(array, _zeros(array.shape, array.dtype)) == 0)
