"""The one switch between a function as it is and the same function as one compiled graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from rlbench.api import Device


def compiled(function: Callable[..., Any], device: Device) -> Callable[..., Any]:
    """`function` of tensors without gradient recording; with `device.compile`, as one graph for exactly its shapes.

    Automatic dynamic shapes are off: a second shape in one process compiles a second graph. Numbers that change
    between calls must be tensors.
    """
    return torch.no_grad()(torch.compile(function, fullgraph=True, dynamic=False) if device.compile else function)
