"""Calls of functions that register environments with Gymnasium, for packages whose import does not register them."""

from __future__ import annotations

from collections.abc import Sequence

from rlbench.api import RlbenchError
from rlbench.envs.references import import_object
from rlbench.messages import error_text

_CALLED: set[str] = set()


def call_registrations(names: Sequence[str]) -> None:
    """Call the functions "module:function" in order, each only once per process.

    Raises: RlbenchError if a function cannot be imported or raises an error.
    """
    for name in names:
        if name not in _CALLED:
            _call(name)
            _CALLED.add(name)


def _call(name: str) -> None:
    function = import_object(name)
    if not callable(function):
        raise RlbenchError(f"{name} is of type {type(function).__name__}; `register` takes functions without arguments")
    try:
        function()
    except Exception as error:
        raise RlbenchError(f"{name}() failed: {error_text(error)}") from error
