"""The check of one environment: make it, reset it twice with one seed, step it, and describe its faults."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import NormalizeObservation, NormalizeReward

from rlbench.api import EnvironmentFault, Task
from rlbench.api.task import AnySpace, Environment
from rlbench.envs.action_mask import mask_fault
from rlbench.envs.environment_faults import error_fault, reset_fault, step_fault
from rlbench.envs.frame_stack import stacked_space
from rlbench.envs.multiagent.joint_env import AGENT_MASKS

STEPS = 200  # the most steps that are played of an episode; random episodes of most tasks are shorter
_SECONDS = 3.0  # the longest time for the first episode; slow environments are played for fewer steps
_PATIENCE_SECONDS = 10.0  # if the check has taken longer than this, shared state is not tested
_SEED = 1


@dataclass(frozen=True)
class EnvironmentFacts:
    """The properties of an environment that the check has found.

    repeats: whether `reset` with the same seed begins the same episode.
    shares_state: whether an episode changes if another environment of the task is played at the same time.
    time_limit: the steps after which Gymnasium truncates an episode; None: no limit.
    ended: whether a random episode ended within 200 steps. gives_masks: whether `info` has an action mask.
    """

    observation_space: AnySpace
    action_space: AnySpace
    repeats: bool = True
    shares_state: bool = False
    time_limit: int | None = None
    ended: bool = True
    gives_masks: bool = False


@dataclass(frozen=True)
class _Played:
    """The beginning of one episode. trace: observation, reward and flags of each step, as values that `==` compares."""

    trace: tuple[Any, ...]
    ended: bool
    gives_masks: bool


def check_environment(task: Task, make_env: Callable[[Task], Environment]) -> EnvironmentFacts:
    """Make an environment, play the beginning of an episode twice, and return the facts.

    Raises: EnvironmentFault for a fault that would make every run fail or invalid; any error of `make_env`.
    """
    began = time.monotonic()
    env = make_env(task)
    if not isinstance(env, gymnasium.Env):
        raise EnvironmentFault(f"its type is {type(env).__name__}, which is not a Gymnasium environment")
    try:
        full = env.spec.id if env.spec is not None else task.env_id
        if full.startswith(f"{task.env_id.rpartition(':')[2]}-v"):
            raise EnvironmentFault(f"the id lacks the version, which determines the results; write {full}")
        for space, name in ((env.observation_space, "observation_space"), (env.action_space, "action_space")):
            if not isinstance(space, gymnasium.Space):
                raise EnvironmentFault(f"its {name} is not a Gymnasium space but of type {type(space).__name__}")
        refuse_running_statistics(env)
        first = _play(env)
        repeats = _play(env, first).trace == first.trace
    finally:
        _close(env)
    if not repeats:  # the second episode may depend on the first, so compare with a new environment
        env = make_env(task)
        try:
            repeats = _play(env, first).trace == first.trace
        finally:
            _close(env)
    shares_state = repeats and time.monotonic() - began < _PATIENCE_SECONDS and _shares_state(task, make_env, first)
    limit = env.spec.max_episode_steps if env.spec is not None else None
    return EnvironmentFacts(
        stacked_space(env), env.action_space, repeats, shares_state, limit, first.ended, first.gives_masks
    )


def _shares_state(task: Task, make_env: Callable[[Task], Environment], first: _Played) -> bool:
    """Return whether the first episode of a new environment changes if another new one is played at the same time."""
    env = make_env(task)
    try:
        other = make_env(task)
    except Exception:  # noqa: BLE001 - some simulators allow only one instance; a run then reports this error
        _close(env)
        return False
    try:
        return _play(env, first, other).trace != first.trace
    finally:
        _close(env)
        _close(other)


def refuse_running_statistics(env: Environment) -> None:
    """Raise EnvironmentFault if a wrapper keeps statistics over episodes.

    Each environment would have its own statistics. So policies would be trained and evaluated under different
    statistics, and the same policy would get a different score at each evaluation.
    """
    for wrapper in _wrappers(env):
        own = vars(wrapper).values()
        if isinstance(wrapper, (NormalizeObservation, NormalizeReward)) or any(map(_is_running_statistic, own)):
            name = type(wrapper).__name__
            key = "normalize_reward" if "reward" in name.lower() else "normalize_obs"
            raise EnvironmentFault(
                f"the wrapper {name} keeps running statistics, which would differ between training and evaluation; "
                f"leave it out, and set `{key}: true` in the `params` of the algorithms that have it (ppo, a2c, sb3/…)"
            )


def _wrappers(env: Environment) -> Iterator[Environment]:
    while isinstance(env, gymnasium.Wrapper):
        yield env
        env = env.env


def _is_running_statistic(value: Any) -> bool:
    return type(value).__name__.startswith("RunningMean")


def _close(env: Environment) -> None:
    try:
        env.close()
    except (Exception, SystemExit, GeneratorExit) as error:
        raise EnvironmentFault(error_fault(error, "close")) from error


def _play(env: Environment, first: _Played | None = None, beside: Environment | None = None) -> _Played:
    """Play the beginning of an episode, always with the same random actions.

    first: play as many steps as this episode has. beside: another environment, which is reset with another seed and
    stepped with the same actions.
    """
    steps = STEPS if first is None else len(first.trace) - 1
    began = time.monotonic()
    try:
        answer = env.reset(seed=_SEED)
    except (Exception, SystemExit, GeneratorExit) as error:
        raise EnvironmentFault(error_fault(error, "reset")) from error
    if beside is not None:
        with contextlib.suppress(Exception):
            beside.reset(seed=_SEED + 1)
    if fault := reset_fault(answer, env.observation_space):
        raise EnvironmentFault(fault)
    env.action_space.seed(_SEED)  # after the reset, because highway-env then makes a new space
    trace, info = [_comparable(answer[0])], answer[1]
    gives_masks = isinstance(info, dict) and "action_mask" in info
    for taken in range(steps):
        if first is None and time.monotonic() - began > _SECONDS:
            break
        action = _draw(env.action_space, info, "step" if taken else "reset")
        try:
            step = env.step(copy.deepcopy(action))
        except (Exception, SystemExit, GeneratorExit) as error:
            raise EnvironmentFault(error_fault(error, "step")) from error
        if fault := step_fault(step, env.observation_space):
            raise EnvironmentFault(_with_advice(fault, env))
        if beside is not None:
            with contextlib.suppress(Exception):  # the other environment's episode may have ended
                beside.step(action)
        obs, reward, terminated, truncated, info = step
        trace.append((_comparable(obs), float(reward), bool(terminated), bool(truncated)))
        if terminated or truncated:
            return _Played(tuple(trace), True, gives_masks)
    return _Played(tuple(trace), False, gives_masks)


def _draw(space: AnySpace, info: Any, call: str) -> Any:
    """Draw an action that the mask in `info` allows, if it has one. call: "reset" or "step", which gave `info`."""
    if isinstance(space, gymnasium.spaces.Discrete) and isinstance(info, dict) and "action_mask" in info:
        if fault := mask_fault(info["action_mask"], int(space.n), call):
            raise EnvironmentFault(fault)
        return space.sample(np.asarray(info["action_mask"]).astype(np.int8))
    if isinstance(info, dict) and AGENT_MASKS in info:
        return space.sample(mask=info[AGENT_MASKS])
    return space.sample()


def _with_advice(fault: str, env: Environment) -> str:
    """Add advice to a fault: how to combine the several rewards of a multi-objective environment."""
    if "a reward of shape" not in fault or not hasattr(env.unwrapped, "reward_space"):
        return fault
    return (
        f"{fault}; the wrapper `{{name: mo_gymnasium.wrappers:LinearReward, kwargs: {{weight: {{$array: [1, 0]}}}}}}` "
        "combines them into one"
    )


def _comparable(value: Any) -> Any:
    """Convert an observation to a value for which `==` compares all bits."""
    if isinstance(value, dict):
        return tuple((str(key), _comparable(value[key])) for key in sorted(value, key=str))
    if isinstance(value, (tuple, list)):
        return tuple(map(_comparable, value))
    array = np.asarray(value)
    return (array.shape, str(array.dtype), array.tobytes() if array.dtype != object else repr(value))
