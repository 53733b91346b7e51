"""The one switch between a function as it is and the same function as one compiled graph."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, cast

import torch

from rlbench.api import Device


def compiled(function: Callable[..., Any], device: Device) -> Callable[..., Any]:
    """`function` of tensors without gradient recording; with `device.compile`, as one graph for exactly its shapes.

    Automatic dynamic shapes are off: a second shape in one process compiles a second graph. Numbers that change
    between calls must be tensors.
    """
    return torch.no_grad()(torch.compile(function, fullgraph=True, dynamic=False) if device.compile else function)


def compile_methods(device: Device, *methods: Callable[..., Any]) -> None:
    """Put `compiled` of each of these methods of an object into the object's own place for it.

    Raises: AttributeError for a function that is not an object's method.
    """
    for method in methods:
        bound = cast(MethodType, method)
        setattr(bound.__self__, bound.__name__, compiled(bound, device))
