"""Arrays of several seeds, joined into one array with a seed axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rlbench.api.interaction import Array


def array_of_arrays(arrays: Sequence[Array]) -> Array:
    """Return an object array [S] that contains the arrays of S seeds. Their shapes may differ."""
    result = np.empty(len(arrays), object)
    for i, array in enumerate(arrays):
        result[i] = array
    return result


def stack_seeds(arrays: Sequence[Array]) -> Array:
    """Stack the arrays […] of S seeds to [S, …]. If their shapes differ, return an object array [S] of the arrays."""
    return np.stack(arrays) if len({array.shape for array in arrays}) == 1 else array_of_arrays(arrays)
