"""Wrappers whose actions are integers from 0, or numbers in [0, 1), whatever the environment's action space.

If an algorithm does not support an environment's action space, a plan adds one of these wrappers to the task. So it is
part of the run's key. The environment gets an element of its own action space, as a new object.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.api import Array

# The largest number of combinations that are encoded as one discrete action, and of choices of all parts together.
MAX_COMBINATIONS, MAX_CHOICES = 1024, 10_000


def counts_of(space: spaces.Space[Any]) -> list[int] | None:
    """Return how many values each number of an action can have, or None if not all numbers are bounded integers.

    Supported are Discrete, MultiDiscrete, MultiBinary, Boxes of integers, and Tuples and Dicts of these.
    """
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(n) for n in space.nvec.ravel()]
    if isinstance(space, spaces.MultiBinary):
        return [2] * int(np.prod(space.shape))
    if isinstance(space, spaces.Box) and space.dtype.kind in "iu":
        # Computed with Python's integers, because the width of a Box may exceed the range of its dtype.
        return [int(high) - int(low) + 1 for low, high in zip(space.low.ravel(), space.high.ravel())]
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        parts = [counts_of(part) for part in parts_of(space)]
        own = [counts for counts in parts if counts is not None]
        return [count for counts in own for count in counts] if len(own) == len(parts) else None
    return None


def parts_of(space: spaces.Dict | spaces.Tuple[Any]) -> list[spaces.Space[Any]]:
    """Return the spaces of the parts, in the order of the Dict or Tuple."""
    return list(space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces)


def element(space: spaces.Space[Any], numbers: Array) -> Any:
    """Return the element of `space` with these numbers. Each is counted from 0, and `counts_of` has its range."""
    if isinstance(space, spaces.Discrete):
        return space.dtype.type(space.start + numbers[0])
    if isinstance(space, spaces.MultiDiscrete):
        return (space.start + numbers.reshape(space.shape)).astype(space.dtype)
    if isinstance(space, spaces.MultiBinary):
        return numbers.reshape(space.shape).astype(space.dtype)
    if isinstance(space, spaces.Box):
        return (space.low + numbers.reshape(space.shape).astype(space.dtype)).astype(space.dtype)
    assert isinstance(space, (spaces.Dict, spaces.Tuple))  # `counts_of` returned None for any other space
    return _assembled(space, [len(counts_of(part) or ()) for part in parts_of(space)], numbers, element)


def _assembled(space: spaces.Dict | spaces.Tuple[Any], sizes: list[int], numbers: Array, make: Any) -> Any:
    """Return an element of a Dict or Tuple. sizes: how many numbers each part has. make: (part, numbers) → value."""
    values = np.split(numbers, np.cumsum(sizes)[:-1])
    made = [make(part, own) for part, own in zip(parts_of(space), values)]
    return dict(zip(space.spaces, made)) if isinstance(space, spaces.Dict) else tuple(made)


def draws_of(space: spaces.Space[Any]) -> int | None:
    """Return how many numbers in [0, 1) determine a uniform action, or None if there is no uniform distribution."""
    if isinstance(space, spaces.Box) and space.dtype.kind == "f":
        return int(np.prod(space.shape)) if space.is_bounded() else None
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        parts = [draws_of(part) for part in parts_of(space)]
        own = [size for size in parts if size is not None]
        return sum(own) if len(own) == len(parts) else None
    counts = counts_of(space)
    return None if counts is None else len(counts)


def drawn_element(space: spaces.Space[Any], unit: Array) -> Any:
    """Return the element of `space` that numbers in [0, 1) determine. If they are uniform, so is the element."""
    if isinstance(space, spaces.Box) and space.dtype.kind == "f":
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        return np.clip(low + unit.reshape(space.shape) * (high - low), low, high).astype(space.dtype)
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        return _assembled(space, [draws_of(part) or 0 for part in parts_of(space)], unit, drawn_element)
    counts = counts_of(space)
    assert counts is not None  # `draws_of` returned None for any other space
    return element(space, np.minimum(np.floor(unit * counts), np.array(counts) - 1).astype(np.int64))


class ActionsFromZero(gymnasium.ActionWrapper[Any, Any, Any]):
    """Accept discrete actions counted from 0, for an environment whose first action has another number."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._own, self.action_space = env.action_space, self.shown(env.action_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Space[Any]:
        """Return the wrapper's action space, for an environment whose action space is `space`."""
        if not isinstance(space, spaces.Discrete):
            raise TypeError(f"ActionsFromZero needs discrete actions, got {space}")
        return spaces.Discrete(int(space.n))

    def action(self, action: Any) -> Any:
        return element(self._own, np.atleast_1d(action))


class ActionsAsChoices(gymnasium.ActionWrapper[Any, Any, Any]):
    """Accept one MultiDiscrete action, counted from 0, for the numbers of a Tuple, a Dict or a Box of integers."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._own, self.action_space = env.action_space, self.shown(env.action_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Space[Any]:
        return spaces.MultiDiscrete(_counted(space))

    def action(self, action: Any) -> Any:
        return element(self._own, np.asarray(action))


class ActionsAsOneChoice(gymnasium.ActionWrapper[Any, Any, Any]):
    """Accept one discrete action for each combination of an action's numbers. The last number changes fastest."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._own, self._counts = env.action_space, _counted(env.action_space)
        self.action_space = self.shown(env.action_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Space[Any]:
        return spaces.Discrete(int(np.prod(_counted(space))))

    def action(self, action: Any) -> Any:
        return element(self._own, np.array(np.unravel_index(int(action), self._counts)))


class ActionsAsDraws(gymnasium.ActionWrapper[Any, Any, Any]):
    """Accept numbers in [0, 1) that determine an action in any bounded space, for algorithms that draw uniformly."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._own, self.action_space = env.action_space, self.shown(env.action_space)

    @staticmethod
    def shown(space: spaces.Space[Any]) -> spaces.Space[Any]:
        draws = draws_of(space)
        if draws is None:
            raise TypeError(f"actions in {space} cannot be drawn uniformly")
        return spaces.Box(0.0, 1.0, (draws,), np.float64)  # float32 may round a number below 1 up to 1

    def action(self, action: Any) -> Any:
        return drawn_element(self._own, np.asarray(action))


def _counted(space: spaces.Space[Any]) -> list[int]:
    counts = counts_of(space)
    if counts is None:
        raise TypeError(
            f"actions in {space} are not integers: use Discrete, MultiDiscrete, MultiBinary or an integer Box"
        )
    return counts
