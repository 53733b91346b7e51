"""Images as bytes with the channels first [C, H, W], as convolutional networks take them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.api import Array


def is_image(space: object) -> bool:
    """Return whether observations are images: arrays of bytes, or of True and False, with three axes."""
    return isinstance(space, spaces.Box) and len(space.shape) == 3 and space.dtype in (np.uint8, np.bool_)


def can_be_image(space: object) -> bool:
    """Return whether ImageObservation takes this space: an image, or one with two axes, which lacks the channels."""
    return isinstance(space, spaces.Box) and len(space.shape) in (2, 3) and space.dtype in (np.uint8, np.bool_)


def channels_first(images: Array, shape: tuple[int, ...]) -> Array:
    """Move the channels of images [..., *shape] first: [..., C, H, W].

    The last axis holds the channels, as in Gymnasium, unless the first axis is shorter than it: then the channels are
    first already. Images with two axes have one channel.
    """
    if len(shape) == 2:
        return images[..., None, :, :]
    return images if shape[0] < shape[2] else np.moveaxis(images, -1, -3)


class ImageObservation(gymnasium.ObservationWrapper[Array, Any, Any]):
    """Give each image as uint8 [C, H, W] in 0 … 255, where 255 stands for True.

    Raises: TypeError if observations are not images.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = self.shown(env.observation_space)
        self._shape = env.observation_space.shape or ()
        self._scale = 255 if env.observation_space.dtype == np.bool_ else 1

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Box:
        """Return the space of the images that observations in `space` become."""
        if not can_be_image(space) or space.shape is None:
            raise TypeError(f"{space} has no images, which are bytes (uint8) or bool with two or three axes")
        return spaces.Box(0, 255, channels_first(np.empty(space.shape, np.uint8), space.shape).shape, np.uint8)

    def observation(self, observation: Any) -> Array:
        image = np.asarray(observation, np.uint8) * np.uint8(self._scale)
        return np.ascontiguousarray(channels_first(image, self._shape))
