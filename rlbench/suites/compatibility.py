"""Whether an algorithm can be run on an environment: its spaces are asked of the environment itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlbench.api import RlbenchError, Task
from rlbench.plugins import Plugins, Resolved

Spaces = tuple[Any, Any]


def spaces_of(plugins: Plugins, task: Task) -> Spaces | str:
    """Observation and action space of one environment, made for the purpose; or what goes wrong with it."""
    try:
        env = plugins.backend(task.backend).make_env(task)
    except RlbenchError as error:  # of a backend: it says what to do
        return f"{task.env_id}: {error}"
    except Exception as error:  # noqa: BLE001 - whatever a stranger's environment does
        return f"{task.env_id}: cannot be made: {type(error).__name__}: {error}{_install_hint(error)}"
    try:
        full = env.spec.id if env.spec is not None else task.env_id
        if full.startswith(f"{task.env_id.rpartition(':')[2]}-v"):
            return f"{task.env_id}: has no version, which is part of the result; write {full}"
        return env.observation_space, env.action_space
    finally:
        env.close()


def _install_hint(error: Exception) -> str:
    text = str(error).lower()
    for sign, extra in (("box2d", "box2d"), ("mujoco", "mujoco"), ("namespace ale", "atari")):
        if sign in text:
            return f'; pip install "rlbench[{extra}]"'
    return ""


def misfit(found: Resolved, observations: Any, actions: Any) -> str:
    """Why an algorithm cannot be run on these spaces, or "" if it can."""
    supports: Mapping[str, bool] = vars(found.supports)
    kind = {"Discrete": "discrete", "Box": "continuous"}.get(type(actions).__name__)
    if kind is None or not supports[kind]:
        can = " or ".join(k for k in ("discrete", "continuous") if supports[k]) or "no"
        return f"actions are {type(actions).__name__}, {found.name} takes {can} ones"
    if kind == "discrete" and int(actions.start) != 0:
        return f"actions start at {actions.start}; wrap the environment so that they start at 0"
    if type(observations).__name__ != "Box":
        return f"observations are {type(observations).__name__}, {found.name} takes vectors"
    if kind == "continuous" and not actions.is_bounded():
        return "actions are unbounded"
    if len(observations.shape) == 1 and observations.dtype.kind != "f":
        return f"observations are whole numbers ({observations.dtype}), {found.name} takes real ones"
    if len(observations.shape) > 1 and not supports["pixels"]:
        return f"observations have shape {observations.shape}, {found.name} takes vectors"
    return ""
