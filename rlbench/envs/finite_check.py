"""Whether numbers are finite, asked on every step: x · 0 is 0 for a finite x and NaN for any other, in one dot product,
which costs less than half of `isfinite(x).all()` on a few numbers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rlbench.api import Array


@lru_cache(maxsize=64)
def _zeros(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    return np.zeros(shape, dtype)


def all_finite(array: Array) -> bool:
    """Whether every number is finite; whole numbers always are."""
    return bool(np.vdot(array, _zeros(array.shape, array.dtype)) == 0)
