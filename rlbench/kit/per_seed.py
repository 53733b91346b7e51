"""Hyperparameters that differ between the seeds of a stack, as arrays and tensors that broadcast over the other axes.

If all seeds have the same number, it stays a number. A seed gets the same bits in both forms, because 32-bit arithmetic
rounds a number before it multiplies, like an array's element.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor

from rlbench.api import Array, PerSeed

Number = float | PerSeed


def array_of(value: Number | Array, dims: int, dtype: DTypeLike = np.float32) -> Any:
    """Return one number as a scalar of `dtype`, or a number for each seed as [S, 1, …] with `dims` axes."""
    numbers = np.asarray(value, dtype)
    return numbers[()] if numbers.ndim == 0 else numbers.reshape(-1, *[1] * (dims - 1))


def tensor_of(value: Number | Array, dims: int, device: str = "cpu") -> Tensor:
    """Return one number as a float32 tensor without axes, or a number for each seed as [S, 1, …] with `dims` axes."""
    return torch.as_tensor(array_of(value, dims), device=device)


def is_number(value: object) -> bool:
    """Return whether a hyperparameter is a number or a number for each seed, and not a schedule such as lin_0.001."""
    values = value if isinstance(value, PerSeed) else (value,)
    return all(isinstance(one, (int, float)) for one in values)


def factor(value: Number, dims: int, device: str = "cpu") -> float | Tensor:
    """Return one number unchanged, or a number for each seed as a float32 tensor [S, 1, …] with `dims` axes."""
    return tensor_of(value, dims, device) if isinstance(value, PerSeed) else value


def clamp(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Limit x to low … high. low, high: tensors of one number, or of one number for each seed."""
    return torch.minimum(torch.maximum(x, low), high)
