"""The task that a run learns: environment, budget and evaluation protocol.

All of it is part of the run's key, apart from the label of the environment and the functions that register it.
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
# records and keys from before it stay valid.
IF_GIVEN = {"if_given": True}


@dataclass(frozen=True)
class EvaluationProtocol:
    """When and how policies are evaluated.

    every: environment steps per seed between evaluations on the grid, the same for all algorithms of a task; 0:
    evaluate only the final policy.
    episodes: episodes per evaluation on the grid. final_episodes: episodes of the final evaluation.
    policy: "greedy" (the mode) or "sampled".
    environments: the most evaluation environments of a seed; None: the default.
    """

    every: int = 0
    episodes: int = 10
    final_episodes: int = 100
    policy: str = "greedy"
    environments: int | None = field(default=None, metadata=IF_GIVEN)


@dataclass(frozen=True)
class Wrapper:
    """A wrapper that is part of the task and is applied below the meter.

    name: "module:Class". kwargs: its keyword arguments.
    """

    name: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """An environment that training uses besides the target, and until when.

    env_id, kwargs, wrappers, reset_options: as in Task, in the place of the target's.
    steps: the stage ends after so many environment steps of its seed. mean_return: it ends once the last `episodes`
    episodes that began in it have at least this mean return. One of the two is given in a sequence of stages, neither
    if a sampler chooses.
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
        """When the stage ends, in words after "until"; "" if a sampler chooses."""
        if self.mean_return is not None:
            episodes = "episode" if self.episodes == 1 else "episodes"
            return f"a mean return of {self.mean_return:g} over {self.episodes:,} {episodes}"
        return "" if self.steps is None else f"{self.steps:,} steps"


@dataclass(frozen=True)
class Curriculum:
    """What training uses besides the target: stages that come before it, or tasks that a sampler chooses among.

    sampler: the name of what chooses the task of each episode, among the stages and the target; "": the stages follow
    one another, and the target is the last.
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
    reset_options: the options of every reset, written likewise.
    label: its name in tables instead of the id. register: functions ("module:function") to call in each process before
    it makes an environment. `label` and `register` are not part of the run's key.
    reward: what each agent of a multi-agent environment learns from: "team", the sum of all agents' rewards, or
    "individual", its own. What is measured is always the sum.
    curriculum: the environments that training goes through on its way to this one, which is the target. What makes an
    environment for any other purpose, such as evaluation, makes the target.
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
        """The task as the run's key has it: without what belongs to the suite and may change."""
        return dataclasses.replace(self, label="", register=()) if self.label or self.register else self

    @property
    def training_tasks(self) -> tuple[Task, ...]:
        """The tasks that training uses, without a curriculum of their own: the stages in their order, then the target.

        They differ in their environment alone.
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

    It is never part of a run's key.
    """

    name: str = "cpu"
    compile: bool = False
