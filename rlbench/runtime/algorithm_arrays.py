"""Arrays that an algorithm returns to be stored: one entry for each seed, of a type that files can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlbench.api import Array, RlbenchError
from rlbench.text import plural

_NOT_STORED = "cSUMm"  # kinds of numpy: complex numbers, text, dates


def arrays_by_seed(returned: Any, seeds: int, method: str) -> dict[str, Array]:
    """Return what `state` or `final_state` returned as arrays [S, …] by name.

    method: which of them, for messages. Raises: RlbenchError if an entry is not such an array: a part of it would be
    silently stored, and what is loaded later would be another policy.
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
