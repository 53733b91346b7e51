"""A switch that rounds denormal numbers to 0, because a processor takes a hundred times as long to compute with them.

Where an input stays 0, as most pixels of MinAtar do, averages of gradients decay to denormal numbers. An update of dqn
then takes 1.7 times as long. Rounding them to 0 changes no parameter: they are far below a parameter's smallest step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

Function = TypeVar("Function", bound=Callable[..., Any])
_DENORMAL, _ONE = 5e-324, 1.0


def flushes() -> bool:
    """Return whether this thread rounds denormal numbers to 0."""
    return _DENORMAL * _ONE == 0.0


def without_denormals(function: Function) -> Function:
    """Return `function` such that denormal numbers are rounded to 0 while it runs.

    Everything outside the function, such as environments, computes as before.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if flushes():
            return function(*args, **kwargs)
        torch.set_flush_denormal(True)
        try:
            return function(*args, **kwargs)
        finally:
            torch.set_flush_denormal(False)

    return cast(Function, call)
