"""What one agent of a world observes, as one vector, and which actions it may choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from rlbench.api import Array, EnvironmentFault
from rlbench.envs.flat_observation import FlatObservation, pick, readable_part

_OBSERVATION, _MASK = "observation", "action_mask"


class AgentObservation:
    """The conversion of one agent's observations to vectors. size: the length of a vector.

    has_mask: whether observations contain a mask: a Dict with the keys "observation" and "action_mask", as in
    PettingZoo's classic games.
    """

    def __init__(self, name: str, space: spaces.Space[Any]) -> None:
        self._name = name
        self.has_mask = isinstance(space, spaces.Dict) and set(space.spaces) == {_OBSERVATION, _MASK}
        inner = space.spaces[_OBSERVATION] if self.has_mask and isinstance(space, spaces.Dict) else space
        kept = readable_part(inner)
        if kept is None:
            raise EnvironmentFault(f"the observations of {name!r} cannot be written as a vector: {inner}")
        self._space, self._kept = inner, kept
        self._is_vector = isinstance(inner, spaces.Box)
        self._shape = inner.shape
        self.size = int(FlatObservation.shown(inner).shape[0])

    def vector(self, observed: Any) -> Array:
        """Return an observation as float32 [size]. Raises: EnvironmentFault if it lacks the form of its space."""
        try:
            return self._written(observed[_OBSERVATION] if self.has_mask else observed)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise EnvironmentFault(f"an observation of {self._name!r} is not in its space: {error}") from error

    def _written(self, value: Any) -> Array:
        if self._is_vector:
            array = np.asarray(value, np.float32)
            if array.shape != self._shape:
                raise EnvironmentFault(
                    f"an observation of {self._name!r} has shape {array.shape}, but its space has {self._shape}"
                )
            return array.ravel()
        return np.asarray(spaces.utils.flatten(self._kept, pick(self._space, self._kept, value)), np.float32)

    def mask(self, observed: Any, info: Mapping[str, Any], num_actions: int) -> Array:
        """Return which actions are allowed [num_actions] int8; without a mask, all are.

        Raises: EnvironmentFault if a mask has another shape, a number other than 0 and 1, or allows no action.
        """
        given = observed[_MASK] if self.has_mask else info.get(_MASK)
        if given is None:
            return np.ones(num_actions, np.int8)
        mask = np.asarray(given)
        if mask.shape != (num_actions,) or not ((mask == 0) | (mask == 1)).all() or not mask.any():
            raise EnvironmentFault(
                f"the action mask of {self._name!r} is {mask.tolist()}; it needs {num_actions} numbers, each 0 or 1,"
                " at least one of them 1"
            )
        return mask.astype(np.int8)
