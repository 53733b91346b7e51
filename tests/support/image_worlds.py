"""Small worlds of images with a known best answer."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

DOTS = "support.image_worlds:rlbench/Dots-v0"


class Dots(gymnasium.Env):
    """One bright dot in an image. The action that names its half is paid 1, the other 0; an episode has five of them.

    side: pixels of the square image. flags: the image is of True and False, with the channels last, as MinAtar's.
    """

    def __init__(self, side=6, channels=2, flags=False):
        self.side, self.channels, self.flags = side, channels, flags
        shape = (side, side, channels) if flags else (channels, side, side)
        self.observation_space = Box(0, 1, shape, bool) if flags else Box(0, 255, shape, np.uint8)
        self.action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._draw(), {}

    def _draw(self):
        image = np.zeros((self.channels, self.side, self.side), np.uint8)
        row, self.column = self.np_random.integers(self.side, size=2)
        image[self.np_random.integers(self.channels), row, self.column] = 255
        return np.moveaxis(image > 0, 0, -1) if self.flags else image

    def step(self, action):
        self.steps += 1
        reward = float(int(action) == (self.column >= self.side // 2))
        return self._draw(), reward, False, self.steps == 5, {}


gymnasium.register("rlbench/Dots-v0", Dots, order_enforce=False, disable_env_checker=True)
