"""Dict and Tuple observations with images as the bytes of one array, for networks that convolve the images.

So the harness stores and replays them like a single image, with one byte for each value of an image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.spaces.utils import flatdim, flatten

from rlbench.api import Array, EnvironmentFault
from rlbench.envs.flat_observation import pick, readable_part
from rlbench.envs.image_observation import ImageObservation, as_bytes, channels_first, is_image

SMALLEST = 4  # pixels; smaller images count as numbers, because they are too small for the kit's convolutions


class PackedBytes(spaces.Box):
    """The space of the bytes [n] to which Dict or Tuple observations with images are converted.

    The bytes of the images come first, in the order of the parts. All other parts follow, flattened by Gymnasium, each
    number as the four bytes of a float32. images: the shape [channels, height, width] of each image. numbers: how many
    numbers follow the images.
    """

    def __init__(self, parts: spaces.Space[Any]) -> None:
        leaves = list(_leaves(parts))
        shapes = [ImageObservation.shown(part).shape for part in leaves if _is_convolved(part)]
        self.images = tuple((int(c), int(h), int(w)) for c, h, w in shapes)
        self.numbers = int(sum(flatdim(part) for part in leaves if not _is_convolved(part)))
        size = sum(c * h * w for c, h, w in self.images) + 4 * self.numbers
        super().__init__(0, 255, (size,), np.uint8)


def has_images(space: spaces.Space[Any], least: int = SMALLEST) -> bool:
    """Return whether a Dict or a Tuple of readable parts has an image of at least `least` pixels on each side."""
    kept = readable_part(space) if isinstance(space, (spaces.Dict, spaces.Tuple)) else None
    return kept is not None and any(_is_convolved(part, least) for part in _leaves(kept))


def _leaves(space: spaces.Space[Any]) -> Iterator[spaces.Space[Any]]:
    """Yield the innermost parts, which are neither a Dict nor a Tuple. The keys of a Dict are sorted."""
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        own = [space.spaces[key] for key in sorted(space.spaces)] if isinstance(space, spaces.Dict) else space.spaces
        for part in own:
            yield from _leaves(part)
    else:
        yield space


def _values(space: spaces.Space[Any], value: Any) -> Iterator[tuple[spaces.Space[Any], Any]]:
    """Yield each innermost part with its value, in the order of `_leaves`."""
    if isinstance(space, spaces.Dict):
        for key in sorted(space.spaces):
            yield from _values(space.spaces[key], value[key])
    elif isinstance(space, spaces.Tuple):
        for part, own in zip(space.spaces, value):
            yield from _values(part, own)
    else:
        yield space, value


def _is_convolved(space: spaces.Space[Any], least: int = SMALLEST) -> bool:
    return is_image(space) and min(ImageObservation.shown(space).shape[1:]) >= least


class PackedObservation(gymnasium.ObservationWrapper[Array, Any, Any]):
    """Convert each Dict or Tuple observation with images to bytes (see PackedBytes).

    Raises: TypeError if no part is an image; EnvironmentFault if a number is not finite, because no later check can see
    that in bytes.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = self.shown(env.observation_space)
        self._space, self._kept = env.observation_space, readable_part(env.observation_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> PackedBytes:
        """Return the space of the bytes. Raises: TypeError if `space` is not a Dict or Tuple with an image."""
        kept = readable_part(space)
        if kept is None or not has_images(space):
            raise TypeError(f"{space} is no Dict or Tuple with an image of {SMALLEST} × {SMALLEST} pixels or more")
        return PackedBytes(kept)

    def observation(self, observation: Any) -> Array:
        assert self._kept is not None  # `shown` refuses any other space
        images, numbers = [], [np.zeros(0, np.float32)]
        for part, value in _values(self._kept, pick(self._space, self._kept, observation)):
            if _is_convolved(part):
                scale = 255 if part.dtype == np.bool_ else 1
                image = as_bytes(value, part.shape or ()) * np.uint8(scale)
                images.append(channels_first(image, part.shape or ()).ravel())
            else:
                numbers.append(np.asarray(flatten(part, value), np.float32).ravel())
        row = np.concatenate(numbers)
        if not np.isfinite(row).all():
            raise EnvironmentFault(f"observations have numbers that are not finite: {row[~np.isfinite(row)][0]}")
        return np.concatenate([*images, row.view(np.uint8)])
