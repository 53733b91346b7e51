"""Wrappers that turn observations of any space into one float vector.

If a space needs such a wrapper, the plan adds the wrapper to the task, so the wrapper is part of the run's key.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import flatten, flatten_space

from rlbench.api import Array, EnvironmentFault


def readable_part(space: spaces.Space[Any]) -> spaces.Space[Any] | None:
    """Return the part of a space that can be written as a vector of fixed length, or None if no part can.

    Text is left out of a Dict or a Tuple. A Graph, a Sequence or a OneOf makes the whole space unreadable.
    """
    if isinstance(space, (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        return space
    if isinstance(space, spaces.Dict):
        parts = {key: readable_part(part) for key, part in space.spaces.items() if not is_text(part)}
        kept = {key: part for key, part in parts.items() if part is not None}
        return spaces.Dict(kept) if kept and len(kept) == len(parts) else None
    if isinstance(space, spaces.Tuple):
        read = [readable_part(part) for part in space.spaces if not is_text(part)]
        own = [part for part in read if part is not None]
        return spaces.Tuple(own) if own and len(own) == len(read) else None
    return None


def is_text(space: spaces.Space[Any]) -> bool:
    """Return whether a space contains text. Some packages define their own text spaces, such as MiniGrid's missions."""
    return isinstance(space, spaces.Text) or (space.dtype is not None and space.dtype.kind == "U")


def pick(space: spaces.Space[Any], kept: spaces.Space[Any], value: Any) -> Any:
    """Return the readable parts of `value`, an element of `space`. kept: the readable part of `space`."""
    if isinstance(space, spaces.Dict) and isinstance(kept, spaces.Dict):
        return {key: pick(space.spaces[key], part, value[key]) for key, part in kept.spaces.items()}
    if isinstance(space, spaces.Tuple) and isinstance(kept, spaces.Tuple):
        read = [(part, own) for part, own in zip(space.spaces, value) if not is_text(part)]
        return tuple(pick(part, inner, own) for (part, own), inner in zip(read, kept.spaces))
    return value


class OneHotVectors(spaces.Box):
    """The space of one-hot vectors [n], which represent the observations of a Discrete space of n values."""


class FlatObservation(gymnasium.ObservationWrapper[Array, Any, Any]):
    """Convert each observation to one vector of float32, with Gymnasium's own flattening.

    Discrete values become one-hot vectors, and the keys of a Dict are sorted. Text parts are left out. Raises:
    TypeError if all parts are text, or if the space has no fixed number of values.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = self.shown(env.observation_space)
        self._space, self._kept = env.observation_space, readable_part(env.observation_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Box:
        """Return the space of the vectors to which observations in `space` are converted."""
        kept = readable_part(space)
        if kept is None:
            raise TypeError(f"{space} cannot be written as a vector")
        flat = flatten_space(kept)
        assert isinstance(flat, spaces.Box)  # every readable space is flattened to one
        if isinstance(kept, spaces.Discrete):
            return OneHotVectors(0, 1, flat.shape, np.float32)
        return spaces.Box(flat.low.astype(np.float32), flat.high.astype(np.float32), dtype=np.float32)

    def observation(self, observation: Any) -> Array:
        assert self._kept is not None  # `shown` refuses any other space
        if isinstance(self._space, spaces.Box) and _long_axes(np.shape(observation)) != _long_axes(self._space.shape):
            shapes = f"shape {np.shape(observation)}, but its space has {self._space.shape}"
            raise EnvironmentFault(f"an observation has {shapes}")
        return np.asarray(flatten(self._kept, pick(self._space, self._kept, observation)), np.float32)


def _long_axes(shape: tuple[int, ...]) -> list[int]:
    """Return the lengths of the axes that are longer than 1. Other axes do not affect the order of the numbers."""
    return [length for length in shape if length != 1]


class NoObservation(gymnasium.ObservationWrapper[Array, Any, Any]):
    """Return a single 0 instead of each observation, for algorithms that use no observations."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = self.shown(env.observation_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Box:
        return spaces.Box(0, 0, (1,), np.float32)

    def observation(self, observation: Any) -> Array:
        return np.zeros(1, np.float32)
