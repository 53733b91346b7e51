"""Checks of the arrays that an algorithm returns for storage: one entry for each seed, of a type that can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlbench.api import Array, RlbenchError
from rlbench.text import plural

_NOT_STORED = "cSUMm"  # kinds of numpy: complex numbers, text, dates


def arrays_by_seed(returned: Any, seeds: int, method: str) -> dict[str, Array]:
    """Return the result of `state` or `final_state` as arrays [S, …] by name.

    method: the method's name, for messages. Raises: RlbenchError if an entry is not an array [S, …] of numbers. Part of
    such an entry would otherwise be stored silently, and another policy would be loaded later.
    """
    if not isinstance(returned, Mapping):
        raise RlbenchError(f"{method} returned a {type(returned).__name__}; it must return arrays [S, …] by name")
    arrays = {name: np.asarray(value) for name, value in returned.items()}
    for name, array in arrays.items():
        if not array.ndim or len(array) != seeds:
            raise RlbenchError(
                f"{method} returned {name!r} of shape {array.shape}; the first axis must be the {plural(seeds, 'seed')}"
            )
        if array.dtype.kind in _NOT_STORED:
            raise RlbenchError(f"{method} returned {name!r} of type {array.dtype}; only numbers can be stored")
    return arrays
