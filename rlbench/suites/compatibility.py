"""Compatibility of an algorithm with an environment, decided from the environment's own spaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlbench.api import RlbenchError, Task
from rlbench.plugins import Plugins, Resolved

Spaces = tuple[Any, Any]


def spaces_of(plugins: Plugins, task: Task) -> Spaces | str:
    """Make one environment and return its observation and action space, or a message if that fails."""
    try:
        env = plugins.backend(task.backend).make_env(task)
    except RlbenchError as error:  # from a backend; the message says what to do
        return f"{task.env_id}: {error}"
    except Exception as error:  # noqa: BLE001 - a third-party environment may raise anything
        return f"{task.env_id}: cannot be made: {type(error).__name__}: {error}{_install_hint(error)}"
    try:
        full = env.spec.id if env.spec is not None else task.env_id
        if full.startswith(f"{task.env_id.rpartition(':')[2]}-v"):
            return f"{task.env_id}: the version is missing, which is part of the result; write {full}"
        return env.observation_space, env.action_space
    finally:
        env.close()


def _install_hint(error: Exception) -> str:
    text = str(error).lower()
    for sign, extra in (("box2d", "box2d"), ("mujoco", "mujoco"), ("namespace ale", "atari")):
        if sign in text:
            return f'; pip install "rlbench[{extra}]"'
    return ""


def incompatibility(algorithm: Resolved, observations: Any, actions: Any) -> str:
    """Return why an algorithm does not support these spaces, or "" if it does."""
    supports: Mapping[str, bool] = vars(algorithm.supports)
    kind = {"Discrete": "discrete", "Box": "continuous"}.get(type(actions).__name__)
    if kind is None or not supports[kind]:
        kinds = " or ".join(k for k in ("discrete", "continuous") if supports[k]) or "no"
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
        return f"observations have shape {observations.shape}, but {algorithm.name} supports vectors"
    return ""
