"""Compatibility of an algorithm with an environment, decided from what a check found out about the environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

from rlbench.api import Supports, Task, Wrapper
from rlbench.api.task import MAX_EPISODE_STEPS
from rlbench.env_checks.environment_check import STEPS, EnvironmentFacts
from rlbench.env_checks.environment_query import TIME_LIMIT_SECONDS, ask_environments
from rlbench.envs import flat_observation
from rlbench.envs.flat_observation import ActionsFromZero, FlatObservation, NoObservation, readable_part
from rlbench.plugins import Plugins, Resolved

Spaces = tuple[Any, Any]


def examine(
    plugins: Plugins, tasks: Sequence[Task], seconds: float = TIME_LIMIT_SECONDS
) -> list[EnvironmentFacts | str]:
    """Return the facts of each task's environment, or a message if it cannot be used.

    seconds: longest time that one environment may take.
    """
    answers = ask_environments(plugins, tasks, seconds)
    return [
        f"{task.env_id}: {answer}{_install_hint(answer)}" if isinstance(answer, str) else answer
        for task, answer in zip(tasks, answers)
    ]


def _install_hint(message: str) -> str:
    text = message.lower()
    for sign, extra in (("box2d", "box2d"), ("mujoco", "mujoco"), ("namespace ale", "atari")):
        if sign in text:
            return f'; pip install "rlbench[{extra}]"'
    return ""


def describe_facts(env_id: str, facts: EnvironmentFacts) -> list[str]:
    """Return what a user has to know about an environment before runs start, one line for each."""
    notes = []
    if not facts.repeats:
        notes.append(f"{env_id} ignores reset(seed=…): its runs will not repeat, and tables mark them")
    if facts.time_limit is None and not facts.ended:
        notes.append(
            f"{env_id} has no time limit, and a random episode did not end within {STEPS} steps: evaluation plays up "
            f"to {MAX_EPISODE_STEPS:,} steps of each episode; `kwargs: {{max_episode_steps: N}}` sets a limit"
        )
    return notes


def adapted(task: Task, spaces: Spaces, supports: Supports) -> tuple[Task, Spaces]:
    """Add the wrappers that an algorithm needs for an environment's spaces. Returns: the task and the spaces shown.

    Observations other than vectors of floats and images become one vector; discrete actions begin at 0. The wrappers
    are part of the task, and so of the run's identity. Other backends than Gymnasium's show their own spaces.
    """
    observations, actions = spaces
    wrappers = []
    if task.backend == Task.backend:
        if (wrapper := _observation_wrapper(observations, supports)) is not None:
            wrappers.append(wrapper.__name__)
            observations = wrapper.shown(observations)
        if isinstance(actions, Discrete) and int(actions.start) != 0:
            wrappers.append(ActionsFromZero.__name__)
            actions = Discrete(int(actions.n))
    added = tuple(Wrapper(f"{flat_observation.__name__}:{name}") for name in wrappers)
    return dataclasses.replace(task, wrappers=(*task.wrappers, *added)), (observations, actions)


def _observation_wrapper(space: Any, supports: Supports) -> type[FlatObservation] | type[NoObservation] | None:
    if isinstance(space, Box) and (is_image(space) or (len(space.shape) < 2 and space.dtype.kind == "f")):
        return None
    if readable_part(space) is not None:
        return FlatObservation
    return NoObservation if supports.no_observations else None


def is_image(space: Any) -> bool:
    """Return whether observations are images: arrays of bytes with three axes."""
    return isinstance(space, Box) and len(space.shape) == 3 and space.dtype == np.uint8


def describe_wrappers(task: Task) -> str:
    """Return what the wrappers that a plan added do to a task's observations and actions, or ""."""
    names = [wrapper.name.partition(":")[2] for wrapper in task.wrappers if _is_added(wrapper)]
    texts = {
        FlatObservation.__name__: "observations are given as one vector (text is left out)",
        NoObservation.__name__: "observations are not shown",
        ActionsFromZero.__name__: "actions are numbered from 0",
    }
    return "; ".join(texts[name] for name in names)


def _is_added(wrapper: Wrapper) -> bool:
    return wrapper.name.startswith(f"{flat_observation.__name__}:")


_ACTIONS = {
    "Discrete": "discrete",
    "Box": "continuous",
    "MultiDiscrete": "multi_discrete",
    "MultiBinary": "multi_binary",
}


def incompatibility(algorithm: Resolved, observations: Any, actions: Any) -> str:
    """Return why an algorithm does not support these spaces, or "" if it does."""
    supports: Mapping[str, bool] = vars(algorithm.supports)
    kind = _ACTIONS.get(type(actions).__name__)
    if kind is None or not supports[kind]:
        kinds = " or ".join(k.replace("_", "-") for k in _ACTIONS.values() if supports[k]) or "no"
        return f"actions are {type(actions).__name__}, but {algorithm.name} supports {kinds} actions"
    if kind == "discrete" and int(actions.start) != 0:
        return f"actions start at {actions.start}; wrap the environment so that they start at 0"
    if type(observations).__name__ != "Box":
        return f"observations are {type(observations).__name__}, but {algorithm.name} supports vectors"
    if kind == "continuous" and not actions.is_bounded():
        return "actions are unbounded"
    if len(observations.shape) == 1 and observations.dtype.kind != "f":
        return f"observations are integers ({observations.dtype}), but {algorithm.name} supports floats"
    if len(observations.shape) > 1 and not supports["pixels"]:
        what = "images of" if is_image(observations) else "arrays of"
        advice = "; add the wrapper gymnasium.wrappers:FlattenObservation for one vector"
        return f"observations are {what} shape {observations.shape}, but {algorithm.name} supports vectors{advice}"
    return ""
