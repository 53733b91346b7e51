"""Checks of an algorithm's actions before environments get them, because an environment may not refuse a wrong one."""

from __future__ import annotations

import numpy as np

from rlbench.api import Array, RlbenchError
from rlbench.api.task import AnySpace


def as_taken(actions: Array, space: AnySpace, who: str) -> Array:
    """Return actions [S, E, …] in the form that environments accept: integers for a Discrete space.

    who: the beginning of error messages, such as "act returned". A discrete action that is not finite becomes 0; the
    caller must not pass it to an environment. Raises: RlbenchError if actions have another shape than the space, are
    not numbers, or are discrete and not whole numbers.
    """
    shape = getattr(space, "shape", None)
    if shape is not None and actions.shape[2:] != shape:
        raise RlbenchError(f"{who} actions of shape {actions.shape}; the shape of one action in {space} is {shape}")
    if actions.dtype.kind not in "biuf":
        raise RlbenchError(f"{who} actions of type {actions.dtype}, which are not numbers that an environment takes")
    if type(space).__name__ != "Discrete" or actions.dtype.kind in "iu":
        return actions
    finite = np.where(np.isfinite(actions), actions, 0)
    if (finite != np.rint(finite)).any():
        raise RlbenchError(
            f"{who} actions such as {finite[finite != np.rint(finite)][0]}; discrete actions must be integers"
        )
    return finite.astype(np.int64)
