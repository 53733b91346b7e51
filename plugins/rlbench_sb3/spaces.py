"""Conversion of observations and actions to the library's forms, and the kind of policy for the observations.

The library supports Dicts of one level. The parts need at least one axis, discrete values counted from 0, and keys that
can name modules of torch. Actions of several numbers need one axis and values counted from 0. Source: Raffin et al.
2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces

Observations = Any  # an array [E, …], or a dict of them


@dataclass(frozen=True)
class ShownObservations:
    """How the library sees a task's observations.

    policy: the library's name for the kind of policy. space: the library's observation space. of: converts observations
    [E, *obs] of the task. scaled: the keys of the parts that `normalize_obs` normalises ("" for a vector). Images are
    not normalised, because the library divides them by 255.
    """

    policy: str
    space: spaces.Space[Any]
    of: Callable[[Any], Observations]
    scaled: tuple[str, ...]


def shown_observations(space: spaces.Space[Any]) -> ShownObservations:
    """Return how the library sees observations in `space`: a vector, an image, or the parts of a Dict or a Tuple."""
    if hasattr(space, "parts"):  # see rlbench.Supports
        return _shown_parts(space)
    if _is_image(space):
        return ShownObservations("CnnPolicy", space, lambda obs: obs, ())
    if isinstance(space, spaces.Box) and space.shape == ():
        low, high = space.low[None], space.high[None]
        return ShownObservations("MlpPolicy", spaces.Box(low, high, dtype=np.float32), lambda obs: obs[:, None], ("",))
    return ShownObservations("MlpPolicy", space, lambda obs: obs, ("",))


def _shown_parts(space: Any) -> ShownObservations:
    parts: dict[str, tuple[spaces.Space[Any], tuple[Any, ...], Callable[[Any], Any]]] = {}
    for path, part in _leaves(space.parts):
        if 0 not in (part.shape or ()):  # the library cannot reshape a part without numbers
            shown_part, convert = _shown_part(part)
            parts[_key(path, parts)] = shown_part, path, convert

    def of(vectors: Any) -> dict[str, Any]:
        values = dict(_leaves(space.restore(vectors)))
        return {key: convert(values[path]) for key, (_, path, convert) in parts.items()}

    shown = {key: part for key, (part, _, _) in parts.items()}
    scaled = tuple(key for key, part in shown.items() if isinstance(part, spaces.Box) and not _is_image(part))
    return ShownObservations("MultiInputPolicy", spaces.Dict(shown), of, scaled)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the innermost parts of nested spaces or observations, each with its path."""
    if isinstance(value, (dict, spaces.Dict)):
        for key in value:
            yield from _leaves(value[key], (*path, key))
    elif isinstance(value, (tuple, spaces.Tuple)):
        for i, part in enumerate(value):
            yield from _leaves(part, (*path, i))
    else:
        yield path, value


def _key(path: tuple[Any, ...], taken: Any) -> str:
    """Return a key such as "arm/0" that is not taken and can name a module of torch."""
    key = "/".join(map(str, path)).replace(".", "_") or "_"
    while key in taken or hasattr(torch.nn.ModuleDict(), key):
        key += "_"
    return key


def _shown_part(space: Any) -> tuple[spaces.Space[Any], Callable[[Any], Any]]:
    """Return the library's space of a part, and the conversion of its values [E, *part]."""
    start = getattr(space, "start", 0)
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(int(space.n)), lambda values: values - start
    if isinstance(space, spaces.MultiDiscrete):
        return spaces.MultiDiscrete(space.nvec.ravel()), lambda values: (values - start).reshape(len(values), -1)
    if space.shape == ():
        return spaces.Box(space.low[None], space.high[None], dtype=space.dtype), lambda values: values[:, None]
    return space, lambda values: values


def _is_image(space: Any) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 3 and space.dtype == np.uint8


def shown_actions(space: Any) -> tuple[spaces.Space[Any], Callable[[Any], Any]]:
    """Return the library's space of actions, and the conversion of its actions [E, …] to the task's."""
    if isinstance(space, spaces.MultiDiscrete):
        shown: spaces.Space[Any] = spaces.MultiDiscrete(space.nvec.ravel())
        return shown, lambda actions: (actions.reshape(-1, *space.shape) + space.start).astype(space.dtype)
    if isinstance(space, spaces.MultiBinary):
        shown = spaces.MultiBinary(int(np.prod(space.shape)))
        return shown, lambda actions: actions.reshape(-1, *space.shape).astype(space.dtype)
    return space, lambda actions: actions


def library_view(env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """Return the environment as the library sees it, or the same object if nothing has to be converted."""
    view = _LibraryView(env)
    same = view.observation_space is env.observation_space and view.action_space is env.action_space
    return env if same else view


class _LibraryView(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A metered environment with converted observations and actions. Nothing else is changed."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._shown = shown_observations(env.observation_space)
        self.observation_space = self._shown.space
        self.action_space, self._as_action = shown_actions(env.action_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        obs, info = self.env.reset(seed=seed, options=options)
        return self._one(obs), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        taken = self._as_action(action[None])[0] if isinstance(action, np.ndarray) else action
        obs, reward, terminated, truncated, info = self.env.step(taken)
        return self._one(obs), reward, terminated, truncated, info

    def _one(self, obs: Any) -> Any:
        shown = self._shown.of(np.asarray(obs)[None])
        return {key: value[0] for key, value in shown.items()} if isinstance(shown, dict) else shown[0]
