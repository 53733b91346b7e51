"""The reference backend: single Gymnasium environments, each with its own random stream.

Gymnasium's vector environments are not used. `make_vec` may choose a class that draws every reset from one generator,
as for CartPole, and their default automatic reset adds a fake transition after each episode.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete

from rlbench.api import Array, EnvBackendSpec, EnvBatch, Task, hookimpl
from rlbench.envs.vectorized_classic import vectorized_batch


def make_env(task: Task) -> gymnasium.Env[Any, Any]:
    """Make one environment of the task and apply its wrappers. Raises: what Gymnasium or a wrapper raises."""
    env: gymnasium.Env[Any, Any] = gymnasium.make(task.env_id, disable_env_checker=True, **task.kwargs)
    for wrapper in task.wrappers:
        module, _, name = wrapper.name.partition(":")
        env = getattr(importlib.import_module(module), name)(env, **wrapper.kwargs)
    return env


class GymnasiumBatch:
    """Independent environments that are stepped one after another (see rlbench.api.EnvBatch)."""

    def __init__(self, task: Task, lanes: int) -> None:
        self._envs = [make_env(task) for _ in range(lanes)]
        self.observation_space, self.action_space = self._envs[0].observation_space, self._envs[0].action_space
        shape = self.observation_space.shape or ()
        self._flat, self._shape = len(shape) == 1, shape
        source = self.observation_space.dtype or np.dtype(np.float32)
        # float64 observations become float32, the dtype of networks and replay buffers.
        self._dtype = np.dtype(np.float32) if np.issubdtype(source, np.floating) else np.dtype(source)
        self._steps = [env.step for env in self._envs]
        # A discrete action arrives as the space's own scalar, any other as an array that the environment may write to.
        dtype = self.action_space.dtype if isinstance(self.action_space, Discrete) else None
        self._as_action: Callable[[Any], Any] = dtype.type if dtype is not None else np.array

    def reset(self, lane: int, seed: int) -> Array:
        return np.asarray(self._envs[lane].reset(seed=seed)[0], self._dtype)

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        steps, as_action = self._steps, self._as_action
        taken = [steps[lane](as_action(action)) for lane, action in zip(lanes, actions)]
        obs, reward, terminated, truncated, _ = zip(*taken)
        if self._flat:  # one concatenation is the fastest way to collect vectors
            stacked = np.concatenate(obs).reshape(-1, *self._shape)
            stacked = stacked if stacked.dtype == self._dtype else stacked.astype(self._dtype)
        else:
            stacked = np.array(obs, self._dtype)
        return stacked, np.array(reward, np.float64), _flags(terminated), _flags(truncated)

    def close(self) -> None:
        for env in self._envs:
            env.close()


def make_batch(task: Task, lanes: int) -> EnvBatch:
    """Make environments of the task, vectorised if that is faster and gives the same bits."""
    return vectorized_batch(task, lanes, GymnasiumBatch) or GymnasiumBatch(task, lanes)


def _flags(values: Sequence[bool]) -> Array:
    """Return the values as [lanes] bool. Most steps end no episode, and an array of zeros is faster to make."""
    return np.array(values, bool) if any(values) else np.zeros(len(values), bool)


def reference_backend() -> EnvBackendSpec:
    """Return this backend, also for other backends that evaluate in it."""
    return EnvBackendSpec(
        name="gymnasium",
        make_batch=make_batch,
        make_env=make_env,
        replayable=True,
        version=lambda: f"gymnasium {gymnasium.__version__}",
    )


@hookimpl
def rlbench_env_backends() -> list[EnvBackendSpec]:
    return [reference_backend()]
