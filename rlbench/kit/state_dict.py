"""Conversion of an algorithm's parts to named arrays [S, …] and back, for its `state` and `load_state`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rlbench.api import Array, array_of_arrays

# A part is a tensor or array [S, …], which is loaded in place, or an object with `state()` and `load_state()`.
Parts = Mapping[str, Any]


def pack(parts: Parts, num_seeds: int, copy: bool = True) -> dict[str, Array]:
    """Return everything in `parts` as arrays [S, …] by name.

    An integer in an object's `state()` is the same for all seeds and is repeated to [S]. A list of S tensors, whose
    shapes may differ, becomes an object array [S] of arrays. copy: if false, return views where possible.
    """
    packed: dict[str, Array] = {}
    for name, part in parts.items():
        if isinstance(part, (Tensor, np.ndarray)):
            packed[name] = _array(part, copy)
        else:
            for key, value in part.state().items():
                packed[f"{name}.{key}"] = np.full(num_seeds, value) if isinstance(value, int) else _array(value, copy)
    return packed


def _array(value: Tensor | Array | list[Tensor], copy: bool) -> Array:
    if isinstance(value, list):
        return array_of_arrays([_array(tensor, copy) for tensor in value])
    array: Array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    return array.copy() if copy else array


def _tensor(array: Array) -> Tensor | list[Tensor]:
    return [torch.from_numpy(own) for own in array] if array.dtype == object else torch.from_numpy(array)


def unpack(parts: Parts, state: Mapping[str, Array]) -> None:
    """Load the result of `pack` into parts with the same names. Raises: KeyError if `state` lacks a part."""
    for name, part in parts.items():
        if isinstance(part, Tensor):
            part.copy_(torch.from_numpy(state[name]))
        elif isinstance(part, np.ndarray):
            part[...] = state[name]
        else:
            own = part.state()
            inner = {key: state[f"{name}.{key}"] for key in own}
            part.load_state({k: int(v[0]) if isinstance(own[k], int) else _tensor(v) for k, v in inner.items()})
