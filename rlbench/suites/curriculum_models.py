"""Pydantic models of the key `curriculum` of a suite's environments: what training uses besides the environment."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, model_validator

from rlbench.api import Curriculum, Stage, Wrapper
from rlbench.suites.suite_values import Count, Number, Steps, StrictModel, lacking, value_error
from rlbench.suites.wrapper_models import Wrappers

EPISODES = 20
UNTIL = "`until: {steps: 10_000}` or `until: {return: 0.8}`"  # an example of each kind, for messages


class UntilEntry(StrictModel):
    """When a stage ends: after a number of steps, or at a mean return. The next stage begins with a new episode."""

    steps: Steps | None = Field(None, description="environment steps that the seed takes in the stage")
    return_: Number | None = Field(
        None, alias="return", description="mean return of the last `episodes` episodes of the stage"
    )
    episodes: Count | None = Field(None, description=f"episodes in the mean of `return`; default: {EPISODES}")

    @model_validator(mode="after")
    def _one_of_two(self) -> UntilEntry:
        if self.steps is None and self.return_ is None:
            raise lacking(f"should have either steps or return: {UNTIL}")
        if self.steps is not None and self.return_ is not None:
            raise value_error("should have either steps or return, not both")
        if self.return_ is None and self.episodes is not None:
            raise value_error("should have episodes only with return, which is a mean of that many episodes")
        if self.return_ is not None and not math.isfinite(self.return_):
            raise value_error(f"should have a finite return, got {self.return_}")
        return self


class CurriculumTaskEntry(StrictModel):
    """An environment with the same spaces as the target, which is the environment that has the curriculum."""

    id: str = Field(description='a Gymnasium id, or "module:MyEnv-v0"')
    kwargs: dict[str, Any] = Field({}, description="keyword arguments of gymnasium.make; the target's are not used")
    reset_options: dict[str, Any] = Field({}, description="the `options` of every reset; the target's are not used")
    wrappers: Wrappers = Field((), description="wrappers, innermost first; the target's are not used")


class StageEntry(CurriculumTaskEntry):
    """An environment with the same spaces as the target, and when the next stage begins."""

    until: UntilEntry = Field(description="when the stage ends")


class CurriculumEntry(StrictModel):
    """What training uses besides the environment itself, which is the target: stages, or a sampler and tasks."""

    stages: tuple[StageEntry, ...] = Field((), description="stages that come before the target, in this order")
    sampler: str = Field(
        "",
        description="chooses the task of each episode, among `tasks` and the target: uniform, learning_progress or a"
        " plugin's sampler (`rlbench ls samplers`)",
    )
    tasks: tuple[CurriculumTaskEntry, ...] = Field((), description="the sampler chooses among these and the target")

    @model_validator(mode="after")
    def _one_kind(self) -> CurriculumEntry:
        if self.stages and (self.sampler or self.tasks):
            raise value_error("should have either stages, or a sampler and tasks")
        if not self.stages and not (self.sampler and self.tasks):
            missing = "tasks" if self.sampler else "a sampler" if self.tasks else "stages, or a sampler and tasks"
            raise lacking(f"should have {missing}")
        return self

    @property
    def key(self) -> str:
        """The key under which the environments of the curriculum are listed."""
        return "stages" if self.stages else "tasks"

    @property
    def entries(self) -> tuple[CurriculumTaskEntry, ...]:
        return self.stages or self.tasks

    def as_curriculum(self) -> Curriculum:
        return Curriculum(tuple(map(_stage, self.entries)), self.sampler)


def _stage(entry: CurriculumTaskEntry) -> Stage:
    wrappers = tuple(Wrapper(w.name, w.kwargs) for w in entry.wrappers)
    stage = Stage(entry.id, entry.kwargs, wrappers, entry.reset_options)
    if not isinstance(entry, StageEntry):
        return stage
    until = entry.until
    episodes = None if until.return_ is None else until.episodes or EPISODES
    return Stage(entry.id, entry.kwargs, wrappers, entry.reset_options, until.steps, until.return_, episodes)
