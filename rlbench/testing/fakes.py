"""Small test environments with known optima or odd shapes. Importing this module registers them with Gymnasium.

Use them by id, for example "rlbench.testing.fakes:rlbench/Shapes-v0".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete, Space

SHAPES = "rlbench.testing.fakes:rlbench/Shapes-v0"
NOISY = "rlbench.testing.fakes:rlbench/Noisy-v0"
CONSTANT = "rlbench.testing.fakes:rlbench/Constant-v0"
FORK = "rlbench.testing.fakes:rlbench/Fork-v0"
BANDIT = "rlbench.testing.fakes:rlbench/Bandit-v0"
TARGET = "rlbench.testing.fakes:rlbench/Target-v0"
CUT = "rlbench.testing.fakes:rlbench/Cut-v0"
SIGNAL = "rlbench.testing.fakes:rlbench/Signal-v0"


class Shapes(gymnasium.Env[Any, Any]):
    """A random walk of any size. Observations move at random and with the action, and episodes end at random.

    actions: the number of discrete actions; a list: the number of choices in each part of MultiDiscrete actions.
    dims: if above 0, actions are continuous with this many dimensions. bound: continuous actions are in ± bound.
    bits: if above 0, actions are MultiBinary with this many numbers.
    masked: `info["action_mask"]` allows some of the discrete actions; any other action is an error.
    end: the probability of termination in each step, and that of truncation.
    bad_seeds: the reset seeds of bad episodes. In these, after `bad_after` steps, the reward and the first number of
    the observation are `bad`. With bad_after = 0, the first observation is bad too.
    taken: counts the steps of all instances. An action that is not finite is an error.
    """

    taken: ClassVar[int] = 0

    def __init__(
        self,
        obs: int = 4,
        actions: int | Sequence[int] = 2,
        dims: int = 0,
        bits: int = 0,
        bound: float = 1.0,
        masked: bool = False,
        end: float = 0.05,
        bad_seeds: Sequence[int] = (),
        bad: float = float("nan"),
        bad_after: int = 3,
    ) -> None:
        self.observation_space = Box(-np.inf, np.inf, (obs,), np.float32)
        self.action_space: Space[Any]
        if dims:
            self.action_space = Box(-bound, bound, (dims,), np.float32)
        elif bits:
            self.action_space = MultiBinary(bits)
        else:
            self.action_space = Discrete(actions) if isinstance(actions, int) else MultiDiscrete(list(actions))
        self._masked, self._allowed = masked, np.ones(1, bool)
        self._end, self._bad_seeds, self._bad, self._bad_after = end, set(bad_seeds), bad, bad_after
        self._steps, self._poisoned = 0, False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._obs = self.np_random.standard_normal(self.observation_space.shape)
        self._steps, self._poisoned = 0, seed in self._bad_seeds
        obs = self._obs.astype(np.float32)
        if self._poisoned and self._bad_after == 0:
            obs[0] = self._bad
        return obs, self._info()

    def _info(self) -> dict[str, Any]:
        """Return a mask that changes with the observation and allows at least one action."""
        if not self._masked:
            return {}
        choices = np.arange(getattr(self.action_space, "n", 1))
        turn = int(1000 * abs(self._obs[0]))
        self._allowed = ((choices + turn) % 3 > 0) | (choices == turn % len(choices))
        return {"action_mask": self._allowed.astype(np.int8)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self._masked and not self._allowed[action]:
            raise RuntimeError("an action that is not allowed reached the environment")
        push = 0.1 * float(np.sum(action))
        if not np.isfinite(push):
            raise RuntimeError("an action that is not finite reached the environment")
        Shapes.taken += 1
        self._obs = 0.9 * self._obs + 0.3 * self.np_random.standard_normal(self._obs.shape) + push
        self._steps += 1
        obs, reward = self._obs.astype(np.float32), float(np.cos(self._obs[0]))
        if self._poisoned and self._steps > self._bad_after:
            obs[0] = reward = self._bad
        draw = float(self.np_random.random())
        return obs, reward, draw < self._end, self._end <= draw < 2 * self._end, self._info()


class Constant(gymnasium.Env[Any, Any]):
    """One state with reward 1 per step. Episodes have `length` steps. how: the end, "terminated" or "truncated".

    So V = Σ γᵗ over `length` steps if episodes are terminated, and V = 1 / (1 − γ) if they are truncated. taken,
    resets: the number of steps and the reset seeds of all instances, for tests of the meter.
    """

    taken: ClassVar[int] = 0
    resets: ClassVar[list[int | None]] = []

    def __init__(self, length: int = 1, how: str = "truncated", actions: int = 2) -> None:
        self.observation_space, self.action_space = Box(-1, 1, (2,), np.float32), Discrete(actions)
        self._length, self._how, self._steps = length, how, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        Constant.resets.append(seed)
        self._steps = 0
        return np.ones(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self._steps >= self._length:
            raise RuntimeError("stepped after the end of an episode")
        self._steps += 1
        Constant.taken += 1
        over = self._steps == self._length
        return np.ones(2, np.float32), 1.0, over and self._how == "terminated", over and self._how == "truncated", {}


class Noisy(gymnasium.Env[Any, Any]):
    """Two states whose true action values are all 0, but a maximum over estimated values tends to be above 0.

    In the first state the action has no effect. In the second state, every action ends the episode with a reward from
    N(0, 1). Source: Sutton & Barto 2018, example 6.7.
    """

    def __init__(self, actions: int = 10) -> None:
        self.observation_space, self.action_space = Box(0, 1, (2,), np.float32), Discrete(actions)
        self._second = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._second = False
        return np.array([1, 0], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self._second:
            self._second = True
            return np.array([0, 1], np.float32), 0.0, False, False, {}
        return np.array([0, 1], np.float32), float(self.np_random.standard_normal()), True, False, {}


class Fork(gymnasium.Env[Any, Any]):
    """Two states whose best first action depends on how episodes end.

    In the first state, [1, 0], action 0 terminates the episode with reward 0.6, and action 1 leads to the second state
    with reward 0. In the second state, [0, 1], every action has reward 1 and ends the episode, with the second state as
    its successor. how: the end, "terminated" or "truncated". So V(second) = 1 under termination, and 1 / (1 − γ) under
    truncation. With γ = 0.5, action 0 is better under termination (0.6 against 0.5), and action 1 is better under
    truncation (1.0 against 0.6).
    """

    def __init__(self, how: str = "terminated") -> None:
        self.observation_space, self.action_space = Box(0, 1, (2,), np.float32), Discrete(2)
        self._how, self._second = how, False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._second = False
        return np.array([1, 0], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self._second:
            return np.array([0, 1], np.float32), 1.0, self._how == "terminated", self._how == "truncated", {}
        if action == 0:
            return np.array([0, 0], np.float32), 0.6, True, False, {}
        self._second = True
        return np.array([0, 1], np.float32), 0.0, False, False, {}


class Bandit(gymnasium.Env[Any, Any]):
    """Episodes of one step. Action i has the mean reward i / (actions − 1), so the last of the `actions` is the best.

    noise: the standard deviation of the reward.
    """

    def __init__(self, actions: int = 4, noise: float = 0.1) -> None:
        self.observation_space, self.action_space = Box(-1, 1, (1,), np.float32), Discrete(actions)
        self._actions, self._noise = actions, noise

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        noise = self._noise * float(self.np_random.standard_normal())
        return np.ones(1, np.float32), float(action) / (self._actions - 1) + noise, True, False, {}


class Target(gymnasium.Env[Any, Any]):
    """Episodes of one step with a continuous action, whose bounds are asymmetric and differ between dimensions.

    The reward is 1 − Σ ((a − `best`) / (high − low))². `best` is at 80 %, 25 % and 50 % of the way from low to high. An
    action outside its bounds is an error.
    """

    low, high = np.array([-1, 0, -3], np.float32), np.array([2, 5, -1], np.float32)
    best = np.array([1.4, 1.25, -2.0], np.float32)

    def __init__(self, dims: int = 3) -> None:
        self._dims = dims
        self.observation_space = Box(-1, 1, (2,), np.float32)
        self.action_space = Box(self.low[:dims], self.high[:dims], dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.ones(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        low, high, best = (bound[: self._dims] for bound in (self.low, self.high, self.best))
        taken = np.asarray(action, np.float64)
        if taken.shape != (self._dims,) or (taken < low - 1e-5).any() or (taken > high + 1e-5).any():
            raise ValueError(f"the action {action} is outside its bounds {low} to {high}")
        return np.ones(2, np.float32), 1.0 - float((((taken - best) / (high - low)) ** 2).sum()), True, False, {}


class Cut(gymnasium.Env[Any, Any]):
    """One state with episodes of one step. Action 1 terminates with reward 1.2; action 0 truncates with reward 1.

    If dims > 0, actions are continuous with this many dimensions, and a first component above 0 counts as action 1. If
    an algorithm bootstraps after truncation, Q(0) = 1 + γ max Q is greater than Q(1) = 1.2 for every γ above 1/6. If it
    treats truncation as termination, Q(0) = 1 is smaller.
    """

    def __init__(self, dims: int = 0) -> None:
        self.observation_space = Box(-1, 1, (1,), np.float32)
        self.action_space = Box(-1, 1, (dims,), np.float32) if dims else Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        ends = float(np.ravel(action)[0]) > 0
        return np.ones(1, np.float32), 1.2 if ends else 1.0, ends, not ends, {}


class Signal(gymnasium.Env[Any, Any]):
    """Episodes of one step. The first observation is +1 or −1 at random, and the last one has the opposite sign.

    Action 1 is right at +1, and action 0 at −1. The right action has reward 1, the wrong action 0. If dims > 0, actions
    are continuous with this many dimensions, and a first component above 0 counts as action 1. If an algorithm begins
    an episode by acting on the last observation of the previous episode, it is right only by chance, however good its
    policy is in evaluation.

    one_hot: the observation is [1, 0] for −1 and [0, 1] for +1, for algorithms that keep a table.
    """

    def __init__(self, dims: int = 0, one_hot: bool = False) -> None:
        self.observation_space = Box(0, 1, (2,), np.float32) if one_hot else Box(-1, 1, (1,), np.float32)
        self.action_space = Box(-1, 1, (dims,), np.float32) if dims else Discrete(2)
        self._sign, self._one_hot = 1.0, one_hot

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._sign = 1.0 if self.np_random.random() < 0.5 else -1.0
        return self._shown(self._sign), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        right = (float(np.ravel(action)[0]) > 0) == (self._sign > 0)
        return self._shown(-self._sign), float(right), True, False, {}

    def _shown(self, sign: float) -> Any:
        return np.array([sign < 0, sign > 0] if self._one_hot else [sign], np.float32)


gymnasium.register("rlbench/Cut-v0", "rlbench.testing.fakes:Cut")
gymnasium.register("rlbench/Signal-v0", "rlbench.testing.fakes:Signal")
gymnasium.register("rlbench/Fork-v0", "rlbench.testing.fakes:Fork")
gymnasium.register("rlbench/Bandit-v0", "rlbench.testing.fakes:Bandit")
gymnasium.register("rlbench/Target-v0", "rlbench.testing.fakes:Target")
gymnasium.register("rlbench/Noisy-v0", "rlbench.testing.fakes:Noisy")
gymnasium.register("rlbench/Shapes-v0", "rlbench.testing.fakes:Shapes")
gymnasium.register("rlbench/Constant-v0", "rlbench.testing.fakes:Constant")
