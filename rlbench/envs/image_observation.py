"""Images as bytes with the channels first [C, H, W], the form that convolutional networks need."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.api import Array, EnvironmentFault
from rlbench.envs.frame_stack import FrameStack, stacked_space


def is_image(space: object) -> bool:
    """Return whether observations are images: arrays of bytes or booleans with three axes.

    A FrameStack of images with channels, which has four axes, counts too.
    """
    return _has_axes(space, 3) or (isinstance(space, FrameStack) and _has_axes(space, 4))


def can_be_image(space: object) -> bool:
    """Return whether ImageObservation supports this space: images, also with two axes, without an axis of channels."""
    return is_image(space) or _has_axes(space, 2)


def _has_axes(space: object, number: int) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == number and space.dtype in (np.uint8, np.bool_)


def channels_first(images: Array, shape: tuple[int, ...]) -> Array:
    """Move the channels of images [..., *shape] first: [..., C, H, W].

    If the first axis is shorter than the last, the channels are first already. Otherwise the last axis is the channels,
    as in Gymnasium. Images with two axes have one channel.
    """
    if len(shape) == 2:
        return images[..., None, :, :]
    # Several times faster than np.moveaxis(images, -1, -3)
    return images if shape[0] < shape[2] else images.swapaxes(-1, -2).swapaxes(-2, -3)


class ImageObservation(gymnasium.ObservationWrapper[Array, Any, Any]):
    """Convert each image to uint8 [C, H, W] in 0 … 255. True becomes 255.

    A stack of frames becomes one image with the channels of all frames, the oldest frame first; its space is a
    FrameStack.

    Raises: TypeError if observations are not images.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        space = stacked_space(env)
        self.observation_space = self.shown(space)
        self._shape, self._stacked = space.shape or (), isinstance(space, FrameStack)
        self._scale = np.uint8(255 if space.dtype == np.bool_ else 1)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Box:
        """Return the space of the images to which observations in `space` are converted."""
        if not can_be_image(space) or space.shape is None:
            raise TypeError(f"{space} has no images, which are bytes (uint8) or bool with two or three axes")
        shape = space.shape
        if isinstance(space, FrameStack):
            return FrameStack(0, 255, space.frames, _joined(np.empty(shape, np.uint8)).shape)
        return spaces.Box(0, 255, channels_first(np.empty(shape, np.uint8), shape).shape, np.uint8)

    def observation(self, observation: Any) -> Array:
        image = as_bytes(observation, self._shape)
        if self._scale != 1:
            image *= self._scale  # a copy, not the environment's own
        return np.ascontiguousarray(_joined(image) if self._stacked else channels_first(image, self._shape))


def as_bytes(observation: Any, shape: tuple[int, ...]) -> Array:
    """Return an image of bytes or booleans as bytes. Raises: EnvironmentFault for other values, or another shape."""
    image = np.asarray(observation)
    if image.shape != shape:
        raise EnvironmentFault(f"an image has shape {image.shape}, but the space of observations has {shape}")
    if image.dtype in (np.uint8, np.bool_):
        return image.astype(np.uint8)
    with np.errstate(invalid="ignore"):
        result = image.astype(np.uint8)
    if not np.array_equal(result, image):
        raise EnvironmentFault(f"an image has values that are not whole numbers from 0 to 255 (of {image.dtype})")
    return result


def _joined(stack: Array) -> Array:
    """Return a stack of images [frames, H, W] or [frames, H, W, C] as one image [frames · C, H, W]."""
    frames = channels_first(stack, stack.shape[1:])
    return frames.reshape(-1, *frames.shape[-2:])
