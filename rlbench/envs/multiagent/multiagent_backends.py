"""The backends of multi-agent environments.

pettingzoo: an environment's id is a module with PettingZoo's `parallel_env`, such as "mpe2.simple_spread_v3", or a
function or class that makes a world with the parallel API, such as "my_world:MyWorld". gymnasium-multiagent: the id is
that of a Gymnasium environment whose spaces are Tuples with one part for each agent.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import gymnasium
import numpy as np

from rlbench.api import Array, EnvBackendSpec, EnvironmentFault, RlbenchError, Task, hookimpl
from rlbench.envs.gymnasium_backend import GymnasiumBatch, apply_wrappers
from rlbench.envs.multiagent.joint_env import AGENT_REWARDS, JointEnv
from rlbench.envs.multiagent.tuple_world import TupleWorld
from rlbench.envs.references import resolved
from rlbench.envs.registrations import call_registrations

PETTINGZOO, TUPLES = "pettingzoo", "gymnasium-multiagent"
_LIMIT = "max_episode_steps"


class JointBatch(GymnasiumBatch):
    """Independent multi-agent environments that are stepped one after another."""

    def __init__(self, task: Task, lanes: int) -> None:
        super().__init__(task, lanes, make_env)
        self.agents: tuple[str, ...] = self._envs[0].get_wrapper_attr("layout").agents

    @property
    def agent_rewards(self) -> Array:
        """The reward of each agent in the last step [lanes, G]; 0 where an environment failed."""
        none = np.zeros(len(self.agents))
        return np.array([answer[4].get(AGENT_REWARDS, none) for answer in self._given[1]])


def make_env(task: Task) -> gymnasium.Env[Any, Any]:
    """Make one environment of a task, which contains all its agents (see JointEnv).

    Raises: RlbenchError if a reference or a registration fails, or if the id does not name a world; any error of the
    world or of a wrapper.
    """
    call_registrations(task.register)
    kwargs = dict(resolved(task.kwargs, ("kwargs",)))
    limit = kwargs.pop(_LIMIT, None)
    world = _parallel_world(task.env_id, kwargs) if task.backend == PETTINGZOO else _tuple_world(task.env_id, kwargs)
    return apply_wrappers(JointEnv(world, limit), task)


def _tuple_world(env_id: str, kwargs: Mapping[str, Any]) -> TupleWorld:
    return TupleWorld(lambda: gymnasium.make(env_id, disable_env_checker=True, **kwargs))


def _parallel_world(env_id: str, kwargs: Mapping[str, Any]) -> Any:
    module, colon, name = env_id.partition(":")
    found = importlib.import_module(module)
    factory = getattr(found, name or "parallel_env", None)
    if factory is None:
        if not colon and hasattr(found, "env"):
            return _of_turns(env_id, found.env(**kwargs))
        missing = f"no {name!r}" if colon else "no `parallel_env`"
        raise RlbenchError(f"the module {module!r} has {missing}; name what makes the world, as in {module}:MyWorld")
    world = factory(**kwargs)
    if hasattr(world, "agent_iter"):
        return _of_turns(env_id, world)
    lacks = [method for method in ("reset", "step", "observation_space", "action_space") if not hasattr(world, method)]
    if lacks:
        raise EnvironmentFault(f"it has no {lacks[0]!r}, which PettingZoo's parallel API needs")
    return world


def _of_turns(env_id: str, world: Any) -> Any:
    """Convert a turn-based world to the parallel API.

    Raises: EnvironmentFault if the world's metadata does not say that it is parallelizable.
    """
    if not getattr(world, "metadata", {}).get("is_parallelizable"):
        raise EnvironmentFault(
            "its agents act in turns (PettingZoo's AEC API), which no algorithm here supports; use a world with the"
            " parallel API"
        )
    from pettingzoo.utils.conversions import aec_to_parallel

    return aec_to_parallel(world)


def _version(*packages: str) -> str:
    """Return the names and versions of the packages, without those that are not installed."""
    known = []
    for package in packages:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(known)


@hookimpl
def rlbench_env_backends() -> list[EnvBackendSpec]:
    def spec(name: str, *packages: str) -> EnvBackendSpec:
        return EnvBackendSpec(
            name,
            JointBatch,
            make_env,
            replayable=True,
            version=lambda: _version("gymnasium", *packages),
        )

    return [spec(PETTINGZOO, "pettingzoo", "mpe2"), spec(TUPLES, "lbforaging", "rware")]
