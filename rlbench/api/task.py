"""What is learned: an environment, its budget and how the result is evaluated. All of it is hashed into a run's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gymnasium import Space


@dataclass(frozen=True)
class EvaluationProtocol:
    """When and how policies are evaluated.

    every: environment steps between evaluations on the grid, the same for all algorithms of a task; 0: final only.
    episodes: episodes of one evaluation on the grid. final_episodes: episodes of the final policy's evaluation.
    policy: "greedy" (the mode) or "sampled".
    """

    every: int = 0
    episodes: int = 10
    final_episodes: int = 100
    policy: str = "greedy"


@dataclass(frozen=True)
class Wrapper:
    """A wrapper that defines the task (it lies under the meter), as "module:Class" and its keyword arguments."""

    name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """An environment, a budget in environment steps (agent decisions) and a protocol.

    env_id: a Gymnasium id such as "CartPole-v1", or "module:MyEnv-v0" for one that importing `module` registers.
    """

    env_id: str
    steps: int
    evaluation: EvaluationProtocol = EvaluationProtocol()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple[Wrapper, ...] = ()
    backend: str = "gymnasium"


@dataclass(frozen=True)
class TaskInfo:
    """What an algorithm is told of its task: one environment's spaces, environments per seed, the budget per seed."""

    env_id: str
    observation_space: Space[Any]
    action_space: Space[Any]
    num_envs: int
    steps: int


@dataclass(frozen=True)
class Device:
    """Where tensors live ("cpu", "cuda:0", "mps") and whether whole updates are compiled. Never part of a run's key."""

    name: str = "cpu"
    compile: bool = False
