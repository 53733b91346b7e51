"""The reference backend: single Gymnasium environments, each with its own random stream.

Gymnasium's vector environments are not used, for two reasons. For some tasks, such as CartPole, `make_vec` chooses a
class that draws every reset from one generator. And by default, their automatic reset adds a fake transition after
each episode.
"""

from __future__ import annotations

import importlib
import math
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete

from rlbench.api import Array, EnvBackendSpec, EnvBatch, EnvironmentFault, RlbenchError, Task, hookimpl
from rlbench.envs.environment_faults import error_fault, reset_fault, step_fault
from rlbench.envs.references import resolved
from rlbench.envs.registrations import call_registrations
from rlbench.envs.reset_options import ResetOptions
from rlbench.envs.vectorized_classic import vectorized_batch


def make_env(task: Task) -> gymnasium.Env[Any, Any]:
    """Make one environment of the task and apply its wrappers.

    Raises: RlbenchError if a reference or a registration fails; any error of Gymnasium or of a wrapper.
    """
    call_registrations(task.register)
    kwargs = resolved(task.kwargs, ("kwargs",))
    try:
        env: gymnasium.Env[Any, Any] = gymnasium.make(task.env_id, disable_env_checker=True, **kwargs)
    except gymnasium.error.NameNotFound as error:
        module, _, name = task.env_id.partition(":")
        if hasattr(getattr(sys.modules.get(module), name, None), "possible_agents"):
            raise RlbenchError(f"{name} is a world of several agents: add `backend: pettingzoo`") from error
        raise
    return apply_wrappers(env, task)


def apply_wrappers(env: gymnasium.Env[Any, Any], task: Task) -> gymnasium.Env[Any, Any]:
    """Apply the task's wrappers and reset options to an environment.

    Raises: RlbenchError if a reference fails (see rlbench.envs.references); any error of a wrapper.
    """
    for i, wrapper in enumerate(task.wrappers):
        module, _, name = wrapper.name.partition(":")
        kwargs = resolved(wrapper.kwargs, ("wrappers", i, "kwargs"))
        env = getattr(importlib.import_module(module), name)(env, **kwargs)
    if task.reset_options:
        env = ResetOptions(env, resolved(task.reset_options, ("reset_options",)))
    return env


class GymnasiumBatch:
    """Independent environments that are stepped one after another (see rlbench.api.EnvBatch)."""

    def __init__(self, task: Task, lanes: int, make: Callable[[Task], gymnasium.Env[Any, Any]] | None = None) -> None:
        self._envs = [(make or make_env)(task) for _ in range(lanes)]
        self.observation_space, self.action_space = self._envs[0].observation_space, self._envs[0].action_space
        shape = self.observation_space.shape or ()
        self._flat, self._shape = len(shape) == 1, shape
        source = self.observation_space.dtype or np.dtype(np.float32)
        # float64 observations become float32, the dtype of networks and replay buffers.
        self._dtype = np.dtype(np.float32) if np.issubdtype(source, np.floating) else np.dtype(source)
        self._steps = [env.step for env in self._envs]
        self._faults: dict[int, str] = {}  # what failed in the last step of a lane
        self._given: tuple[Sequence[int], list[Any]] = ((), [])  # the lanes of the last step and their answers
        # The environment gets a discrete action as a scalar of the space's dtype. Any other action is a new array,
        # because an environment may write to it.
        dtype = self.action_space.dtype if isinstance(self.action_space, Discrete) else None
        self._as_action: Callable[[Any], Any] = dtype.type if dtype is not None else np.array

    def reset(self, lane: int, seed: int) -> Array:
        self._faults.pop(lane, None)
        try:
            answer = self._envs[lane].reset(seed=seed)
        except (Exception, SystemExit, GeneratorExit) as error:
            raise EnvironmentFault(error_fault(error, "reset")) from error
        if isinstance(answer, tuple) and getattr(answer[0], "shape", None) == self._shape:
            return np.asarray(answer[0], self._dtype)
        if fault := reset_fault(answer, self.observation_space):
            raise EnvironmentFault(fault)
        return np.asarray(answer[0], self._dtype)

    def step(self, lanes: Sequence[int], actions: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        steps, as_action = self._steps, self._as_action
        taken: list[Any] = []
        self._given = lanes, taken
        try:
            for lane, action in zip(lanes, actions):
                taken.append(steps[lane](as_action(action)))
            obs, reward, terminated, truncated = self._collect(taken)
            if len(obs) == len(lanes) and reward.ndim == terminated.ndim == truncated.ndim == 1:
                return obs, reward, terminated, truncated
        except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - a foreign environment may raise anything
            if len(taken) < len(lanes):
                self._fail(lanes[len(taken)], error, taken)
        return self._step_rest(lanes, actions, taken)

    def _collect(self, taken: Sequence[Any]) -> tuple[Array, Array, Array, Array]:
        obs, reward, terminated, truncated, _ = zip(*taken)
        if self._flat:  # one concatenation is the fastest way to collect vectors
            stacked = np.concatenate(obs)
            if stacked.ndim != 1 or {*map(len, obs)} != {self._shape[0]}:
                raise _NotRead
            stacked = stacked.reshape(-1, *self._shape)
        else:
            stacked = np.array(obs)
        if stacked.dtype != self._dtype:
            _require_numbers(stacked)
            stacked = stacked.astype(self._dtype)
        return stacked, _rewards(reward), _flags(terminated), _flags(truncated)

    def _step_rest(
        self, lanes: Sequence[int], actions: Sequence[Any], taken: list[Any]
    ) -> tuple[Array, Array, Array, Array]:
        """Step the lanes that have no answer in `taken` yet. If a lane's environment failed, replace its answer."""
        for lane, action in list(zip(lanes, actions))[len(taken) :]:
            try:
                taken.append(self._steps[lane](self._as_action(action)))
            except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - a foreign environment may raise anything
                self._fail(lane, error, taken)
        for i, lane in enumerate(lanes):
            if lane not in self._faults and (fault := step_fault(taken[i], self.observation_space)):
                self._faults[lane] = fault
                taken[i] = self._nothing
        return self._collect(taken)

    @property
    def _nothing(self) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """The answer that replaces the answer of a failed environment."""
        return np.zeros(self._shape, self._dtype), math.nan, False, False, {}

    def _fail(self, lane: int, error: BaseException, taken: list[Any]) -> None:
        traceback.print_exception(error)
        self._faults[lane] = error_fault(error, "step")
        taken.append(self._nothing)

    def fault(self, lane: int) -> str:
        """Return what failed in the last step of a lane, in words, or ""."""
        given = dict(zip(*self._given))
        return self._faults.get(lane) or (step_fault(given[lane], self.observation_space) if lane in given else "")

    def close(self) -> None:
        with ExitStack() as each:  # if one environment raises, close the next ones too
            for env in self._envs:
                each.callback(env.close)


def make_batch(task: Task, lanes: int) -> EnvBatch:
    """Make environments of the task, vectorised if that is faster and computes the same bits."""
    call_registrations(task.register)  # first, because a registration may replace an environment of Gymnasium
    return vectorized_batch(task, lanes, GymnasiumBatch) or GymnasiumBatch(task, lanes)


def gymnasium_batch(task: Task, lanes: int, make: Callable[[Task], gymnasium.Env[Any, Any]]) -> EnvBatch:
    """Make a batch of environments for another backend, whose `make` returns one environment of a task."""
    call_registrations(task.register)
    return GymnasiumBatch(task, lanes, make)


class _NotRead(Exception):
    """An environment's answer violates Gymnasium's interface. `step_fault` describes the violation."""


def _require_numbers(array: Array) -> None:
    if array.dtype.kind not in "biuf":
        raise _NotRead


def _rewards(values: Sequence[Any]) -> Array:
    """Return the values as [lanes] float64. Raises: _NotRead for values such as None, text or a Decimal."""
    rewards = np.array(values)
    _require_numbers(rewards)
    return rewards if rewards.dtype == np.float64 else rewards.astype(np.float64)


def _flags(values: Sequence[bool]) -> Array:
    """Return the values as [lanes] bool. If all are false, as in most steps, use `zeros`, which is faster.

    Raises: _NotRead for a value that is neither a bool nor a whole number.
    """
    if not any(values):
        return np.zeros(len(values), bool)
    flags = np.array(values)
    if flags.dtype.kind not in "biu":
        raise _NotRead
    return flags.astype(bool)


def reference_backend() -> EnvBackendSpec:
    """Return the Gymnasium backend. Other backends call this function to evaluate in Gymnasium's environments."""
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
