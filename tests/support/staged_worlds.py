"""An environment whose observation says which stage it is, with episodes of a known length and return."""

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

MARKED = "support.staged_worlds:Marked-v0"


class Marked(gymnasium.Env):
    """mark: first number of each observation. length: steps of an episode. pays: reward of each step.

    swing: returns of episodes are random, by so much around the others. places: size of an observation.
    """

    def __init__(self, mark=0, length=4, pays=1.0, swing=0.0, places=3):
        self.observation_space = Box(-np.inf, np.inf, (places,), np.float32)
        self.action_space = Discrete(2)
        self.mark, self.length, self.pays, self.swing = mark, length, pays, swing

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.taken, self.bonus = 0, self.swing * self.np_random.normal()
        return self._seen(), {}

    def step(self, action):
        self.taken += 1
        reward = self.pays + (self.bonus if self.taken == 1 else 0.0) + 0.1 * float(action) * bool(self.swing)
        return self._seen(), reward, self.taken >= self.length, False, {}

    def _seen(self):
        rest = np.zeros(self.observation_space.shape[0] - 2)
        return np.array([self.mark, self.taken, *rest], np.float32)


gymnasium.register("Marked-v0", entry_point=f"{__name__}:Marked")
