"""Compatibility of an algorithm with an environment, decided from the facts that a check of the environment found."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from gymnasium.spaces import Box, Discrete

from rlbench.api import AgentLayout, Stage, Supports, Task, Wrapper
from rlbench.env_checks.environment_check import EnvironmentFacts
from rlbench.env_checks.environment_query import TIME_LIMIT_SECONDS, ask_environments
from rlbench.envs.action_mask import ActionMaskInObservation, MaskedBox
from rlbench.envs.action_wrappers import ActionsAsChoices, ActionsAsDraws, ActionsAsOneChoice, ActionsFromZero
from rlbench.envs.flat_observation import FlatObservation, NoObservation
from rlbench.envs.image_observation import ImageObservation, is_image
from rlbench.envs.multiagent.joint_control import JointControl
from rlbench.envs.multiagent.joint_space import JointVectors
from rlbench.envs.nested_observation import NestedObservation
from rlbench.envs.packed_observation import PackedObservation
from rlbench.plugins import Plugins, Resolved
from rlbench.suites.action_adaptation import action_problem, action_wrapper
from rlbench.suites.environment_hints import install_hint
from rlbench.suites.observation_forms import AnyWrapper, Form, misfit, wrapper_for

Spaces = tuple[Any, Any]


def examine(
    plugins: Plugins, tasks: Sequence[Task], seconds: float = TIME_LIMIT_SECONDS
) -> list[EnvironmentFacts | str]:
    """Return the facts of each task's environment, or a message if it cannot be used.

    seconds: longest time that one environment may take.
    """
    answers = ask_environments(plugins, tasks, seconds)
    return [
        f"{task.env_id}: {answer}{install_hint(task.env_id, answer)}" if isinstance(answer, str) else answer
        for task, answer in zip(tasks, answers)
    ]


def adapted(
    task: Task, spaces: Spaces, supports: Supports, form: Form = "auto", masks: bool = False
) -> tuple[Task, Spaces]:
    """Add the wrappers that an algorithm needs for an environment's spaces.

    Returns: the task with these wrappers, and the spaces of observations and actions that the algorithm gets.

    Observations get the requested form (see `wrapper_for`); actions get a form that the algorithm supports. The
    wrappers are part of the task, and so of the run's identity. Environments of other backends than Gymnasium get no
    wrappers.
    masks: append the mask of allowed actions to the observation, if the spaces permit it.
    """
    observations, actions = spaces
    if isinstance(observations, JointVectors):
        return _of_agents(task, observations, actions, supports)
    if task.backend != Task.backend:
        return task, spaces
    added: list[type[Any]] = []
    if (observer := _observation_wrapper(form, observations, supports, masks)) is not None:
        added.append(observer)
        observations = observer.shown(observations)
    masks = masks and isinstance(actions, Discrete) and isinstance(observations, Box) and observations.dtype.kind == "f"
    if (actor := action_wrapper(actions, supports)) is not None:
        added.append(actor)
        actions = actor.shown(actions)
    if masks:
        added.append(ActionMaskInObservation)
        observations = ActionMaskInObservation.shown(observations, actions)
    return _wrapped(task, added), (observations, actions)


def _wrapped(task: Task, added: Sequence[type[Any]]) -> Task:
    """Add wrappers to the task, and to the stages of its curriculum, which have the same spaces."""
    outer = tuple(Wrapper(_name(wrapper)) for wrapper in added)
    curriculum = task.curriculum
    if curriculum is not None:
        stages = tuple(dataclasses.replace(stage, wrappers=(*stage.wrappers, *outer)) for stage in curriculum.stages)
        curriculum = dataclasses.replace(curriculum, stages=stages)
    return dataclasses.replace(task, wrappers=(*task.wrappers, *outer), curriculum=curriculum)


def _of_agents(task: Task, observations: JointVectors, actions: Any, supports: Supports) -> tuple[Task, Spaces]:
    """Let an algorithm of a single agent control all agents together, unless they have action masks."""
    if supports.multi_agent or observations.layout.has_masks:
        return task, (observations, actions)
    added: list[type[Any]] = [JointControl]
    if (actor := action_wrapper(actions, supports)) is not None:
        added.append(actor)
        actions = actor.shown(actions)
    return _wrapped(task, added), (JointControl.shown(observations), actions)


def _name(wrapper: type[Any]) -> str:
    """Return the name under which a task lists a wrapper."""
    return f"{wrapper.__module__}:{wrapper.__name__}"


def _observation_wrapper(form: Form, space: Any, supports: Supports, masks: bool) -> AnyWrapper | None:
    if masks and is_image(space) and supports.no_observations:
        return NoObservation  # a mask can be appended to a vector, but not to an image
    return wrapper_for(form, space, supports)


def describe_wrappers(task: Task) -> str:
    """Return what the wrappers that a plan added do to a task's observations and actions, or ""."""
    return "; ".join(_TEXTS[wrapper.name] for wrapper in task.wrappers if wrapper.name in _TEXTS)


def own_wrappers(task: Task | Stage) -> tuple[Wrapper, ...]:
    """Return the wrappers that a suite lists for a task or a stage, without those that a plan added."""
    return tuple(wrapper for wrapper in task.wrappers if wrapper.name not in _TEXTS)


_TEXTS = {
    _name(FlatObservation): "observations are given as one vector",
    _name(ImageObservation): "observations are given as images [channels, height, width]",
    _name(NestedObservation): "observations are given part by part",
    _name(PackedObservation): "observations are given as images and numbers",
    _name(NoObservation): "the algorithm is given no observations",
    _name(ActionsFromZero): "actions are numbered from 0",
    _name(ActionsAsChoices): "actions are given as one choice for each of their numbers",
    _name(ActionsAsOneChoice): "each combination of an action's numbers is one discrete action",
    _name(ActionsAsDraws): "each part of an action is drawn uniformly",
    _name(JointControl): "one policy chooses the actions of all agents",
    _name(ActionMaskInObservation): "actions are chosen among those that info['action_mask'] allows",
}


def incompatibility(algorithm: Resolved, observations: Any, actions: Any, masks: bool = False) -> str:
    """Return why an algorithm does not support these spaces, or "". masks: whether the suite requests action masks."""
    if isinstance(observations, JointVectors):
        return _misfit_of_agents(algorithm.name, algorithm.supports, observations.layout)
    if not algorithm.supports.single_agent:
        return f"it has a single agent, but {algorithm.name} trains several; list an environment with several agents"
    if problem := action_problem(algorithm.name, algorithm.supports, actions):
        return problem
    if masks and not isinstance(observations, MaskedBox):
        return "action_masks needs discrete actions, observations that are one vector, and the backend gymnasium"
    if isinstance(observations, MaskedBox):
        advice = "leave out action_masks, or list algorithms such as random, dqn and ppo"
        return "" if algorithm.supports.action_masks else f"{algorithm.name} takes no action masks: {advice}"
    return misfit(algorithm.name, algorithm.supports, observations)


def _misfit_of_agents(name: str, supports: Supports, layout: AgentLayout) -> str:
    """Return why an algorithm does not support environments with these agents, or "" if it does."""
    if not supports.multi_agent:
        return f"each agent has a mask of allowed actions, so {name}, which trains a single agent, cannot control all"
    if layout.has_masks and not supports.action_masks:
        return f"agents have masks of allowed actions, which {name} does not take"
    if layout.is_discrete:
        return "" if supports.discrete else f"actions are discrete, but {name} supports continuous actions"
    if not supports.continuous:
        return f"actions are continuous, but {name} supports discrete actions"
    boxes = [group.action_space for group in layout.groups]
    bounded = supports.unbounded or all(isinstance(box, Box) and box.is_bounded() for box in boxes)
    return "" if bounded else f"actions are unbounded, but {name} needs bounds"
