"""Dict and Tuple observations for libraries whose networks read the parts separately.

The harness handles only arrays, so it passes on a nested observation as one vector of float32. The vector's space can
restore the observation. Float32, bytes, Discrete, MultiDiscrete, MultiBinary and whole numbers up to 2²⁴ are restored
exactly; float64 and larger whole numbers are rounded to float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import flatdim

from rlbench.api import Array
from rlbench.envs.flat_observation import FlatObservation, readable_part
from rlbench.envs.image_observation import ImageObservation, channels_first, is_image


class NestedVectors(spaces.Box):
    """The space of the vectors [n] to which Dict or Tuple observations are converted.

    parts: the Dict or Tuple space without Text parts, and with images as [C, H, W].
    """

    def __init__(self, original: spaces.Space[Any]) -> None:
        flat = FlatObservation.shown(original)
        super().__init__(flat.low, flat.high, dtype=np.float32)
        self._original = readable_part(original)
        self.parts = _with_images_first(self._original)

    def restore(self, vectors: Array) -> Any:
        """Restore observations from vectors [..., n]. They are nested like `parts` and contain arrays [..., *part]."""
        return _restored(self._original, vectors)


def _with_images_first(space: Any) -> Any:
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: _with_images_first(part) for key, part in space.spaces.items()})
    if isinstance(space, spaces.Tuple):
        return spaces.Tuple([_with_images_first(part) for part in space.spaces])
    return ImageObservation.shown(space) if is_image(space) else space


def _restored(space: Any, vectors: Array) -> Any:
    lead = vectors.shape[:-1]
    if isinstance(space, spaces.Dict):
        own = _split(vectors, [flatdim(part) for part in space.spaces.values()])
        return {key: _restored(part, rows) for (key, part), rows in zip(space.spaces.items(), own)}
    if isinstance(space, spaces.Tuple):
        own = _split(vectors, [flatdim(part) for part in space.spaces])
        return tuple(_restored(part, rows) for part, rows in zip(space.spaces, own))
    if isinstance(space, spaces.Discrete):
        return (vectors.argmax(-1) + space.start).astype(space.dtype)
    if isinstance(space, spaces.MultiDiscrete):
        digits = np.stack([rows.argmax(-1) for rows in _split(vectors, space.nvec.ravel().tolist())], -1)
        return (digits.reshape((*lead, *space.shape)) + space.start).astype(space.dtype)
    values = vectors.reshape((*lead, *space.shape)).astype(space.dtype)
    return np.ascontiguousarray(channels_first(values, space.shape)) if is_image(space) else values


def _split(vectors: Array, sizes: list[int]) -> list[Array]:
    """Split the last axis into pieces of these sizes."""
    return np.split(vectors, np.cumsum(sizes)[:-1], axis=-1)


class NestedObservation(FlatObservation):
    """Convert each Dict or Tuple observation to a vector, in a space that can restore it (see NestedVectors)."""

    @staticmethod
    def shown(space: spaces.Space[Any]) -> NestedVectors:
        """Return the space of the vectors. Raises: TypeError if `space` is not a Dict or a Tuple of numbers."""
        kept = readable_part(space)
        if not isinstance(kept, (spaces.Dict, spaces.Tuple)):
            raise TypeError(f"{space} is neither a Dict nor a Tuple of numbers")
        return NestedVectors(kept)
