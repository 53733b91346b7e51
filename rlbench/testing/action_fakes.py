"""Test environments with known optima, for MultiDiscrete and similar actions and for action masks.

Importing this module registers them with Gymnasium.

Use them by id, for example "rlbench.testing.action_fakes:rlbench/Factors-v0".
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space, Tuple

FACTORS = "rlbench.testing.action_fakes:rlbench/Factors-v0"
FORBIDDING = "rlbench.testing.action_fakes:rlbench/Forbidding-v0"

_SPACES: dict[str, Space[Any]] = {
    "multi_discrete": MultiDiscrete([3, 4], start=[1, -2]),
    "multi_binary": MultiBinary(3),
    "integers": Box(np.array([1, -2]), np.array([3, 1]), dtype=np.int64),
    "tuple": Tuple((Discrete(3, start=1), Discrete(4, start=-2))),
}


class Factors(gymnasium.Env[Any, Any]):
    """Episodes of one step. The observation is +1 or −1 and determines the right value of each number of the action.

    The reward is the share of right numbers, minus 0.5 if only the first number is right. So the numbers have to be
    chosen together. The optimum is 1, which only one action reaches for each observation. kind: "multi_discrete",
    "multi_binary", "integers" or "tuple". An action outside the space is an error.
    """

    def __init__(self, kind: str = "multi_discrete") -> None:
        self.observation_space, self.action_space = Box(-1, 1, (1,), np.float32), _SPACES[kind]
        bits = kind == "multi_binary"
        self._right = {1: [1, 0, 1], -1: [0, 0, 1]} if bits else {1: [3, -2], -1: [1, 1]}
        self._sign = 1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._sign = 1 if self.np_random.random() < 0.5 else -1
        return np.array([self._sign], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self.action_space.contains(action):
            raise ValueError(f"the action {action!r} is not in {self.action_space}")
        right = np.equal(np.ravel(action), self._right[self._sign])
        only_first = bool(right[0]) and not right[1:].any()
        return np.array([self._sign], np.float32), float(right.mean()) - 0.5 * only_first, True, False, {}


class Forbidding(gymnasium.Env[Any, Any]):
    """Episodes of two steps with four actions, of which a random two are forbidden at each step.

    A forbidden action is an error. Action i has the reward i / 3. The mask is drawn anew at each step. The observation
    shows only the step. The best policy takes the greater of the two allowed actions, whose mean over the six pairs is
    14/6. So its mean return is 2 · 14/6 / 3 = 14/9. The random policy's mean return is 2 · 1.5 / 3 = 1.
    """

    def __init__(self) -> None:
        self.observation_space, self.action_space = Box(0, 1, (2,), np.float32), Discrete(4)
        self._second, self._allowed = False, np.ones(4, np.int8)

    def _shown(self) -> tuple[Any, dict[str, Any]]:
        self._allowed = np.zeros(4, np.int8)
        self._allowed[self.np_random.choice(4, 2, replace=False)] = 1
        return np.array([not self._second, self._second], np.float32), {"action_mask": self._allowed}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._second = False
        return self._shown()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self._allowed[action]:
            raise RuntimeError(f"action {action} is forbidden")
        terminated, self._second = self._second, True
        obs, info = self._shown()
        return obs, float(action) / 3, terminated, False, info


gymnasium.register("rlbench/Factors-v0", "rlbench.testing.action_fakes:Factors")
gymnasium.register("rlbench/Forbidding-v0", "rlbench.testing.action_fakes:Forbidding")
