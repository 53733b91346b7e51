"""The task that a run learns: environment, budget and evaluation protocol.

All of it is part of the run's key, except the environment's label and the functions that register the environment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from gymnasium import Env, Space

# Evaluation truncates an episode after this many steps (30 minutes of a 60 Hz game), so that every episode ends.
MAX_EPISODE_STEPS = 108_000

# The types of any environment. Only the environment itself knows what its spaces contain.
AnySpace: TypeAlias = "Space[Any]"
Environment: TypeAlias = "Env[Any, Any]"

# Metadata of a field that was added later. Records and keys leave such a field out if it has its default, so that
# records and keys that are older than the field stay valid.
IF_GIVEN = {"if_given": True}


@dataclass(frozen=True)
class EvaluationProtocol:
    """When and how policies are evaluated.

    every: environment steps per seed between evaluations on the grid, the same for all algorithms of a task; 0:
    evaluate only the final policy.
    episodes: episodes per evaluation on the grid. final_episodes: episodes of the final evaluation.
    policy: "greedy" (the mode) or "sampled".
    environments: the largest number of evaluation environments per seed; None: the default.
    """

    every: int = 0
    episodes: int = 10
    final_episodes: int = 100
    policy: str = "greedy"
    environments: int | None = field(default=None, metadata=IF_GIVEN)


@dataclass(frozen=True)
class Wrapper:
    """A wrapper that is part of the task. Steps and rewards are counted outside the wrapper.

    name: "module:Class". kwargs: its keyword arguments.
    """

    name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """An environment that training uses besides the target, and the condition that ends its use.

    env_id, kwargs, wrappers, reset_options: as in Task; they replace the target's.
    steps: the stage ends after this many environment steps of its seed. mean_return: the stage ends once the last
    `episodes` episodes that began in it have at least this mean return. In a sequence of stages, exactly one of the two
    is given; if a sampler chooses the tasks, neither is given.
    """

    env_id: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple[Wrapper, ...] = ()
    reset_options: Mapping[str, Any] = field(default_factory=dict, metadata=IF_GIVEN)
    steps: int | None = field(default=None, metadata=IF_GIVEN)
    mean_return: float | None = field(default=None, metadata=IF_GIVEN)
    episodes: int | None = field(default=None, metadata=IF_GIVEN)

    @property
    def until(self) -> str:
        """The condition that ends the stage, in words that follow "until"; "" if a sampler chooses the tasks."""
        if self.mean_return is not None:
            episodes = "episode" if self.episodes == 1 else "episodes"
            return f"a mean return of {self.mean_return:g} over {self.episodes:,} {episodes}"
        return "" if self.steps is None else f"{self.steps:,} steps"


@dataclass(frozen=True)
class Curriculum:
    """The environments that training uses besides the target: stages before it, or tasks from which a sampler chooses.

    sampler: the name of the sampler that chooses each episode's task among the stages and the target; "": training
    goes through the stages in order and ends with the target.
    """

    stages: tuple[Stage, ...]
    sampler: str = field(default="", metadata=IF_GIVEN)


@dataclass(frozen=True)
class Task:
    """An environment, a budget and an evaluation protocol.

    env_id: a Gymnasium id such as "CartPole-v1", or "module:MyEnv-v0" if importing `module` registers the environment.
    steps: the budget of each seed, in environment steps (agent decisions).
    kwargs: keyword arguments of the environment, as written in a suite. References such as `$import` in them are
    resolved when the environment is made.
    reset_options: the `options` of every reset, written like `kwargs`.
    label: the task's name in tables; "": the id. register: functions ("module:function") to call in each process before
    it makes an environment. `label` and `register` are not part of the run's key.
    reward: the reward that each agent of a multi-agent environment learns from: "team", the sum of all agents' rewards,
    or "individual", its own reward. Recorded returns are always the sum.
    curriculum: environments that training uses besides this task's own, which is the target. Evaluation uses only the
    target.
    """

    env_id: str
    steps: int
    evaluation: EvaluationProtocol = EvaluationProtocol()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple[Wrapper, ...] = ()
    backend: str = "gymnasium"
    reset_options: Mapping[str, Any] = field(default_factory=dict, metadata=IF_GIVEN)
    label: str = field(default="", metadata=IF_GIVEN)
    register: tuple[str, ...] = field(default=(), metadata=IF_GIVEN)
    reward: str = field(default="team", metadata=IF_GIVEN)
    curriculum: Curriculum | None = field(default=None, metadata=IF_GIVEN)

    @property
    def name(self) -> str:
        """The name of the task in tables: its label, else the environment's id."""
        return self.label or self.env_id

    @property
    def requested(self) -> Task:
        """The task as it enters the run's key: without `label` and `register`."""
        return dataclasses.replace(self, label="", register=()) if self.label or self.register else self

    @property
    def training_tasks(self) -> tuple[Task, ...]:
        """The tasks that training uses: the stages in their order, then the target.

        They differ only in their environment, and none has a curriculum.
        """
        target = dataclasses.replace(self, curriculum=None)
        stages = self.curriculum.stages if self.curriculum is not None else ()
        places = ("env_id", "kwargs", "wrappers", "reset_options")
        return (*(dataclasses.replace(target, **{name: getattr(s, name) for name in places}) for s in stages), target)


@dataclass(frozen=True)
class TaskInfo:
    """The task as an algorithm sees it.

    observation_space, action_space: of one environment. num_envs: environments per seed. steps: the budget per seed.
    team_reward: whether the agents of a multi-agent environment learn from the sum of their rewards.
    """

    env_id: str
    observation_space: AnySpace
    action_space: AnySpace
    num_envs: int
    steps: int
    team_reward: bool = True


@dataclass(frozen=True)
class Device:
    """The device for tensors ("cpu", "cuda:0", "mps"), and whether to compile whole updates.

    Neither is part of a run's key.
    """

    name: str = "cpu"
    compile: bool = False
