"""Small worlds of images with a known best answer."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete

SIGNS = "support.image_worlds:rlbench/Signs-v0"
DOTS = "support.image_worlds:rlbench/Dots-v0"


class Dots(gymnasium.Env):
    """One bright dot in an image. The action that names its half is paid 1, the other 0; an episode has five of them.

    side: pixels of the square image. channels: 0: the image has two axes. flags: the image is of True and False, with the channels last, as MinAtar's.
    """

    def __init__(self, side=6, channels=2, flags=False):
        self.side, self.channels, self.flags = side, channels, flags
        shape = (side, side, channels) if flags else (channels, side, side) if channels else (side, side)
        self.observation_space = Box(0, 1, shape, bool) if flags else Box(0, 255, shape, np.uint8)
        self.action_space = Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._draw(), {}

    def _draw(self):
        image = np.zeros((max(self.channels, 1), self.side, self.side), np.uint8)
        row, self.column = self.np_random.integers(self.side, size=2)
        image[self.np_random.integers(len(image)), row, self.column] = 255
        image = image if self.channels else image[0]
        return np.moveaxis(image > 0, 0, -1) if self.flags else image

    def step(self, action):
        self.steps += 1
        reward = float(int(action) == (self.column >= self.side // 2))
        return self._draw(), reward, False, self.steps == 5, {}


class Signs(gymnasium.Wrapper):
    """Dots whose best action also depends on a number beside the image: where it is negative, the halves are swapped."""

    def __init__(self, side=6):
        super().__init__(Dots(side))
        self.observation_space = Dict({"sign": Box(-2, 2, (1,), np.float32), "eye": self.env.observation_space})

    def _with_sign(self, image):
        self.sign = np.float32(self.unwrapped.np_random.choice([-2.0, 2.0]))
        return {"sign": np.array([self.sign]), "eye": image}

    def reset(self, *, seed=None, options=None):
        image, info = self.env.reset(seed=seed)
        return self._with_sign(image), info

    def step(self, action):
        image, reward, terminated, truncated, info = self.env.step(int(action) if self.sign > 0 else 1 - int(action))
        return self._with_sign(image), reward, terminated, truncated, info


gymnasium.register("rlbench/Signs-v0", Signs, order_enforce=False, disable_env_checker=True)
gymnasium.register("rlbench/Dots-v0", Dots, order_enforce=False, disable_env_checker=True)


class Noise(gymnasium.Env):
    """Frames [84, 84] of bytes that all differ; an episode has 250 steps."""

    observation_space, action_space = Box(0, 255, (84, 84), np.uint8), Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._frame(), {}

    def _frame(self):
        return np.frombuffer(self.np_random.bytes(84 * 84), np.uint8).reshape(84, 84)

    def step(self, action):
        self.steps += 1
        return self._frame(), 0.0, False, self.steps == 250, {}


gymnasium.register("rlbench/Noise-v0", Noise, order_enforce=False, disable_env_checker=True)
NOISE = "support.image_worlds:rlbench/Noise-v0"
