"""A fast check that numbers are finite, because it runs on every step.

x · 0 is 0 for a finite x and NaN otherwise. One dot product with zeros therefore checks a whole array, and for a few
numbers it costs less than half of `isfinite(x).all()`.
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
