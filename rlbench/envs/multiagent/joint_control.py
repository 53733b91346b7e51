"""All agents of a world under one policy, for algorithms of a single agent."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.api import Array


class JointControl(gymnasium.Wrapper[Array, Any, Array, Any]):
    """Show all agents as one: it observes what all agents observe, and chooses the actions of all agents."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = self.shown(env.observation_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Box:
        """Return the space of the observations that the wrapper shows."""
        return spaces.Box(-np.inf, np.inf, space.shape, np.float32)
