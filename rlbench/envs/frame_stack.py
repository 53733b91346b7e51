"""The space of observations that are stacks of frames. It tells a replay that it may store each frame only once."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import FrameStackObservation


class FrameStack(spaces.Box):
    """Stacks of `frames` frames along the first axis, the newest last. Each step drops the oldest frame and adds one.

    Shape: [frames, …], or [frames · channels, H, W] for frames with several channels. dtype: bytes, or bool.
    low, high: bounds, as in a Box. Raises: ValueError if `frames` does not divide the length of the first axis.
    """

    def __init__(self, low: Any, high: Any, frames: int, shape: tuple[int, ...] | None = None, dtype: Any = np.uint8):
        super().__init__(low, high, shape, dtype)
        if frames < 1 or self.shape[0] % frames:
            raise ValueError(f"observations of shape {self.shape} cannot be split into {frames} frames")
        self.frames = frames


def stacked_space(env: gymnasium.Env[Any, Any]) -> spaces.Space[Any]:
    """Return an environment's observation space, as a FrameStack if Gymnasium's FrameStackObservation stacks images.

    Wrappers outside FrameStackObservation must not change the space.
    """
    space, inner = env.observation_space, env
    # Images are bytes or bool, and a stack of them has the shape [frames, H, W] or [frames, H, W, channels].
    if not isinstance(space, spaces.Box) or isinstance(space, FrameStack) or len(space.shape) not in (3, 4):
        return space
    if space.dtype not in (np.uint8, np.bool_):
        return space
    while isinstance(inner, gymnasium.Wrapper) and inner.observation_space == space:
        if isinstance(inner, FrameStackObservation):
            return FrameStack(space.low, space.high, inner.stack_size, dtype=space.dtype.type)
        inner = inner.env
    return space
