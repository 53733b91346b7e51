"""Action masks as part of the observation.

An environment that forbids actions reports a mask in `info["action_mask"]` [n], as Gymnasium's Taxi does. For each of
its n discrete actions, the mask is 1 if the action is allowed, else 0. A suite with `action_masks: true` appends the
mask to the observation. So replay stores it, a resume restores it, and evaluation has it, like any observation.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.api import Array, RlbenchError


class MaskedBox(spaces.Box):
    """Vectors of float32. Each of the last `masked` numbers is 1 if its discrete action is allowed, and 0 if not."""

    def __init__(self, states: spaces.Box, masked: int) -> None:
        low = np.concatenate([states.low.ravel(), np.zeros(masked)]).astype(np.float32)
        high = np.concatenate([states.high.ravel(), np.ones(masked)]).astype(np.float32)
        super().__init__(low, high, dtype=np.float32)
        self.masked = masked


class ActionMaskInObservation(gymnasium.Wrapper[Array, Any, Any, Any]):
    """Append to each observation the mask of the actions that are allowed next, and refuse all other actions.

    No action follows the last observation of a terminated episode, so its mask allows all actions.

    Raises: RlbenchError if a mask is missing, malformed or allows no action, or if a forbidden action is taken;
    TypeError if the spaces cannot have a mask.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        shown = self.shown(env.observation_space, env.action_space)
        self.observation_space, self._count = shown, shown.masked
        self._name = env.spec.id if env.spec is not None else type(env.unwrapped).__name__
        self._allowed = np.ones(self._count, bool)

    @staticmethod
    def shown(observations: spaces.Space[Any], actions: spaces.Space[Any]) -> MaskedBox:
        """Return the space of the observations that the wrapper shows."""
        if not isinstance(observations, spaces.Box) or observations.dtype.kind != "f":
            raise TypeError(f"an action mask is appended to observations of floats, not to {observations}")
        if not isinstance(actions, spaces.Discrete):
            raise TypeError(f"an action mask needs discrete actions, not {actions}")
        return MaskedBox(observations, int(actions.n))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        obs, info = self.env.reset(seed=seed, options=options)
        self._allowed = self._read(info, "reset")
        return self._joined(obs), info

    def step(self, action: Any) -> tuple[Array, Any, bool, bool, dict[str, Any]]:
        if not self._allowed[int(action)]:
            raise RlbenchError(
                f"{self._name}: action {int(action)} was chosen, which info['action_mask'] forbids; an algorithm that"
                " declares `action_masks` has to choose among the allowed ones"
            )
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._allowed = np.ones(self._count, bool) if terminated else self._read(info, "step")
        return self._joined(obs), reward, terminated, truncated, info

    def _joined(self, obs: Any) -> Array:
        return np.concatenate([np.ravel(obs), self._allowed]).astype(np.float32)

    def _read(self, info: dict[str, Any], call: str) -> Array:
        """Return the mask in `info` as [n] bool."""
        if "action_mask" not in info:
            raise RlbenchError(
                f"{self._name}: its {call} gave no info['action_mask']; leave out `action_masks: true` for it"
            )
        if fault := mask_fault(info["action_mask"], self._count, call):
            raise RlbenchError(f"{self._name}: {fault}")
        return np.asarray(info["action_mask"]).astype(bool)


def mask_fault(mask: Any, count: int, call: str) -> str:
    """Return what is wrong with an action mask for `count` actions, in words; "" if nothing is.

    call: the method that gave the mask, "reset" or "step".
    """
    mask = np.asarray(mask)
    if mask.shape != (count,) or not ((mask == 0) | (mask == 1)).all():
        needed = f"it needs {count} numbers, each 0 or 1, one for each action"
        return f"its {call} gave the action mask {mask.tolist()}; {needed}"
    return "" if mask.any() else f"its {call} gave an action mask that allows no action"
