"""Small environments with rich spaces and known answers, for algorithms that see more than one vector."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.envs.flat_observation import FlatObservation

PARTS = "support.rich_environments:rlbench-tests/Parts-v0"
FLAT_PARTS = "support.rich_environments:rlbench-tests/FlatParts-v0"
CAMERA = "support.rich_environments:rlbench-tests/Camera-v0"


class _Rich(gymnasium.Env[Any, Any]):
    """Episodes of a few steps with observations that are drawn at random, and a reward for the action given."""

    length: ClassVar[int] = 5

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._step = 0
        return self._observed(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if not self.action_space.contains(action):
            raise ValueError(f"the action {action!r} is not in {self.action_space}")
        self._step += 1
        reward = self._reward(np.asarray(action, np.float64))
        return self._observed(), reward, self._step == self.length, False, {}

    def _observed(self) -> Any:
        raise NotImplementedError

    def _reward(self, action: Any) -> float:
        return float(np.sum(action)) * 0.1 + float(self.np_random.random())


def _actions(kind: str) -> spaces.Space[Any]:
    return {
        "discrete": spaces.Discrete(3),
        "box": spaces.Box(-1, 2, (2,), np.float32),
        "multi_discrete": spaces.MultiDiscrete([[2, 3], [4, 2]], start=[[0, 1], [-1, 0]]),
        "multi_binary": spaces.MultiBinary([2, 2]),
    }[kind]


class Parts(_Rich):
    """A Dict of every kind of part. actions: kind of the action space. image: with a camera of 40 × 36 pixels."""

    def __init__(self, actions: str = "discrete", image: bool = False) -> None:
        self.action_space = _actions(actions)
        arm = spaces.Dict({"angle": spaces.Box(-4, 4, (3,)), "height.now": spaces.Box(-9, 9, (), np.float64)})
        parts: dict[str, spaces.Space[Any]] = {
            "arm": arm,
            "keys": spaces.MultiDiscrete([2, 3], start=[1, 0]),
            "lights": spaces.MultiBinary([2, 2]),
            "mission": spaces.Text(8),
            "pair": spaces.Tuple((spaces.Discrete(3, start=2), spaces.Box(0, 9, (2, 2), np.int64))),
        }
        self.observation_space: spaces.Dict = spaces.Dict(
            parts | ({"camera": spaces.Box(0, 255, (40, 36, 3), np.uint8)} if image else {})
        )

    def _observed(self) -> Any:
        draw = self.np_random
        arm = {"angle": draw.uniform(-4, 4, 3).astype(np.float32), "height.now": np.float64(draw.normal())}
        observed = {
            "arm": arm,
            "keys": np.array([draw.integers(1, 3), draw.integers(3)]),
            "lights": draw.integers(0, 2, (2, 2)).astype(np.int8),
            "mission": "go",
            "pair": (np.int64(draw.integers(2, 5)), draw.integers(0, 10, (2, 2))),
        }
        return observed | ({"camera": _picture(draw, (40, 36, 3))} if "camera" in self.observation_space.spaces else {})


class Camera(_Rich):
    """Images alone, 40 × 36 pixels of three colours, or `gray` without an axis for them."""

    def __init__(self, actions: str = "discrete", gray: bool = False) -> None:
        self.action_space = _actions(actions)
        self._shape = (40, 36) if gray else (40, 36, 3)
        self.observation_space = spaces.Box(0, 255, self._shape, np.uint8)

    def _observed(self) -> Any:
        return _picture(self.np_random, self._shape)


def flat_parts(**kwargs: Any) -> gymnasium.Env[Any, Any]:
    """Return Parts as a plan gives it to algorithms of one vector."""
    return FlatObservation(Parts(**kwargs))


def _picture(draw: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return draw.integers(0, 256, shape).astype(np.uint8)


gymnasium.register("rlbench-tests/Parts-v0", "support.rich_environments:Parts")
gymnasium.register("rlbench-tests/FlatParts-v0", "support.rich_environments:flat_parts")
gymnasium.register("rlbench-tests/Camera-v0", "support.rich_environments:Camera")
