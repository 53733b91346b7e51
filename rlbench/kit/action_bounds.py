"""The map between an environment's actions, in low … high for each dimension, and normalised actions, in −1 … 1.

The bounds may be asymmetric and may differ between dimensions. Algorithms use normalised actions, whose dimensions all
have the same scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rlbench.api import Array


class ActionBounds:
    """The affine map of a bounded Box. size: A, the length of a normalised action, which is always a flat vector.

    Raises: ValueError for a space that is not a Box of floating-point numbers with finite bounds.
    """

    def __init__(self, space: Any) -> None:
        low, high = getattr(space, "low", None), getattr(space, "high", None)
        if low is None or high is None or not np.issubdtype(space.dtype, np.floating):
            raise ValueError(f"continuous actions need a Box of floating-point numbers, not {space}")
        self.low, self.high = (np.asarray(bound).reshape(-1) for bound in (low, high))
        if not (np.isfinite(self.low).all() and np.isfinite(self.high).all()):
            raise ValueError(f"continuous actions need finite bounds, not {space}")
        self._half = self.high / 2 - self.low / 2  # halved first, because high − low may overflow the dtype
        self._centre = self.high / 2 + self.low / 2
        self.size, self._shape, self._dtype = self.low.size, tuple(space.shape), space.dtype

    def to_env(self, unit: Array) -> Array:
        """Map normalised actions [..., A] to the environment's actions [..., *action]. Clip values outside −1 … 1."""
        action = np.clip(self._centre + unit * self._half, self.low, self.high)  # rounding may leave the bounds
        return action.astype(self._dtype, copy=False).reshape(*unit.shape[:-1], *self._shape)

    def from_env(self, action: Array) -> Array:
        """Map the environment's actions [..., *action] to normalised actions [..., A]. Where low = high, return 0."""
        lead = action.shape[: action.ndim - len(self._shape)]
        width = np.where(self._half > 0, self._half, 1)
        return ((action.reshape(*lead, self.size) - self._centre) / width).astype(np.float32)
