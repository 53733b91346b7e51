"""Pydantic models of a suite file; every unknown key is an error.

Editors show the field descriptions: `rlbench schema` prints the JSON schema that contains them.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rlbench.suites.cluster_models import RayEntry, SlurmEntry
from rlbench.suites.curriculum_models import CurriculumEntry
from rlbench.suites.suite_values import (
    Count,
    CountOrZero,
    Devices,
    Duration,
    Memory,
    Name,
    Number,
    Seeds,
    Steps,
    StrictModel,
    Values,
    value_error,
)
from rlbench.suites.tune_models import TuneEntry
from rlbench.suites.tuned_models import Tuned
from rlbench.suites.wrapper_models import REFERENCE, Wrappers

MULTI_AGENT = ("pettingzoo", "gymnasium-multiagent")  # backends
MULTI_AGENT_EPISODES = 32  # episodes of an evaluation during training


def _by_id(value: Any) -> Any:
    """Expand `dqn`, which is short for `{id: dqn}`."""
    return {"id": value} if isinstance(value, str) else value


def _on_or_off(value: Any) -> Any:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class AlgorithmEntry(StrictModel):
    """An algorithm and its parameters."""

    id: str = Field(description="name of the algorithm, as listed by `rlbench ls algorithms`")
    label: str = Field("", description="name in tables; lets a suite list one algorithm twice")
    params: dict[str, Any] = Field({}, description="hyperparameters; `rlbench info ID` lists them")
    per_environment: dict[str, dict[str, Any]] = Field(
        {}, description="hyperparameters that differ on one environment, by its label or id"
    )
    sweep: dict[str, Values] = Field(
        {},
        description="hyperparameters and the values to try; every combination is an algorithm, "
        "labelled `ppo learning_rate=0.001`",
    )
    environments: (
        Annotated[
            tuple[str, ...],
            Field(min_length=1),
            BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...]),
        ]
        | None
    ) = Field(None, description="labels or ids of the environments to run on; default: all compatible environments")
    seeds: Seeds | None = Field(None, description="number of seeds or a list of them, instead of the suite's")
    tuned: Tuned = Field(
        None,
        description="how the hyperparameters were found, such as {trials: 100, steps: 1e6}; false: not tuned; default:"
        " not known; tables and comparisons print this",
    )

    @property
    def name(self) -> str:
        return self.label or self.id


class EvaluationEntry(StrictModel):
    """How policies are evaluated."""

    every: CountOrZero | None = Field(
        None,
        description="environment steps between evaluations, the same for all algorithms; 0: only the final evaluation;"
        " default: a tenth of the environment's budget",
    )
    episodes: Count = Field(10, description="episodes in one evaluation; default: 10, with several agents 32")
    final_episodes: Count = Field(100, description="episodes in the final policy's evaluation")
    policy: Literal["greedy", "sampled"] = Field(
        "greedy", description="greedy: the policy's mode; sampled: a sample from it"
    )
    environments: Count | None = Field(
        None, description="number of evaluation environments of a seed; default: one for each episode, at most 20"
    )


Algorithms = Annotated[
    tuple[Annotated[AlgorithmEntry, BeforeValidator(_by_id, json_schema_input_type=str | AlgorithmEntry)], ...],
    Field(min_length=1),
]


class BudgetEntry(StrictModel):
    """The budget of one algorithm on an environment."""

    steps: Steps = Field(description="budget, in environment steps")


class AnchorsEntry(StrictModel):
    """Two scores between which the scores of an environment are normalised: lower becomes 0, upper becomes 1."""

    lower: Number = Field(description="score without learning: the better of random play and the best constant action")
    upper: Number = Field(description="score that counts as solved; must be above lower")
    lower_source: str = Field("", description="source of the lower anchor")
    upper_source: str = Field("", description="source of the upper anchor")

    @model_validator(mode="after")
    def _apart(self) -> AnchorsEntry:
        if not math.isfinite(self.lower) or not math.isfinite(self.upper) or not self.upper > self.lower:
            raise value_error(f"should have upper above lower, got lower {self.lower:g} and upper {self.upper:g}")
        return self


class EnvironmentEntry(StrictModel):
    """An environment, its budget, and its own values of suite settings."""

    id: str = Field(description='a Gymnasium id, or "module:MyEnv-v0"')
    label: str = Field("", description="name in tables; lets a suite list one environment several times")
    steps: Steps = Field(description="the budget of each run, in environment steps")
    per_algorithm: dict[str, BudgetEntry] = Field(
        {}, description="other budgets of some algorithms, by label or id; reports mark results with unequal budgets"
    )
    kwargs: dict[str, Any] = Field({}, description="keyword arguments of gymnasium.make")
    reset_options: dict[str, Any] = Field({}, description="the `options` of every reset")
    wrappers: Wrappers = Field((), description="wrappers that define the task, innermost first")
    action_masks: bool = Field(
        False,
        description="choose only among the actions that `info['action_mask']` allows; skips algorithms without masks",
    )
    backend: str = Field(
        "gymnasium",
        description="the backend that creates training environments; envpool: in C++ (docs/envpool.md);"
        " pettingzoo, gymnasium-multiagent: several agents (docs/agents.md)",
    )
    reward: Literal["team", "individual"] = Field(
        "team",
        description="what each agent of a multi-agent environment learns from; team: the sum of all rewards;"
        " individual: its own reward; returns are measured as sums in both cases",
    )
    observations: Literal["auto", "flat", "image", "nested"] = Field(
        "auto",
        description="flat: one vector; image: uint8 [channels, height, width]; nested: a Dict or Tuple part by part;"
        " auto: what the algorithm supports",
    )
    curriculum: CurriculumEntry | None = Field(
        None, description="environments to train in on the way to this one, or besides it (docs/curricula.md)"
    )
    evaluation: EvaluationEntry | None = Field(None, description="differences from the suite's evaluation")
    anchors: AnchorsEntry | None = Field(
        None, description="replaces the anchors shipped with rlbench; `rlbench anchors ID` measures the lower one"
    )
    timeout: Duration = Field(None, description="replaces the suite's timeout")
    checkpoint_every: CountOrZero | None = Field(None, description="replaces the suite's checkpoint_every")

    @property
    def name(self) -> str:
        return self.label or self.id


class Suite(StrictModel):
    """Algorithms × environments × seeds, and how they are evaluated and run."""

    name: Name = Field(description="letters, digits, dots, dashes; names the result folder")
    algorithms: Algorithms = Field(description="the algorithms to compare; each runs on every compatible environment")
    environments: Annotated[tuple[EnvironmentEntry, ...], Field(min_length=1)] = Field(
        description="the environments that the algorithms run on"
    )
    seeds: Seeds = Field(description="number of seeds (3: seeds 0 to 2), or a list of them")
    registrations: Annotated[
        tuple[Annotated[str, Field(pattern=REFERENCE)], ...],
        BeforeValidator(_as_tuple, json_schema_input_type=str | tuple[str, ...]),
    ] = Field(
        (),
        alias="register",  # every pydantic model has a method of this name
        description='"module:function", or a list; called in each process before it makes an environment, for packages'
        " that register their ids in a function",
    )
    seed_space: Literal["training", "tuning"] = Field(
        "training", description="tuning: use random numbers that no reported run uses"
    )
    evaluation: EvaluationEntry = Field(
        EvaluationEntry(), description="how policies are evaluated, unless an environment overrides it"
    )
    devices: Devices = Field(
        ("cpu",),
        description="cpu, mps, cuda, cuda:0, …, or a list of them to distribute groups over; auto: every CUDA device,"
        " else cpu",
    )
    jobs: Count | None = Field(None, description="number of groups run at a time; default: one per core")
    timeout: Duration = Field(None, description="longest time of a group's process, such as 2h")
    stall_timeout: Duration = Field(None, description="longest time without an environment step, such as 10m")
    memory: Memory = Field(
        None,
        description="most memory of a group, such as 4GB: its process and the processes that it starts, together",
    )
    slurm: SlurmEntry | None = Field(None, description="what each task of `--executor slurm` requests")
    ray: RayEntry | None = Field(None, description="what each task of `--executor ray` requests")
    tune: TuneEntry | None = Field(None, description="what `rlbench tune` tries; other commands ignore it")
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_on_or_off)] = Field(
        "auto", description="compile updates; auto: in runs long enough to save more time than compiling takes"
    )
    stack: Literal["settings", "seeds"] = Field(
        "settings",
        description="what trains together; seeds: the seeds of one setting; settings: also the seeds of settings that"
        " differ only in hyperparameters that `rlbench info ALGORITHM` names",
    )
    resume: Literal["exact", "approximate", "never"] = Field(
        "exact",
        description="how to resume interrupted runs; approximate: resume even if numbers will differ, and mark the"
        " rows; never: restart",
    )
    checkpoint_every: CountOrZero | None = Field(
        None, description="environment steps between checkpoints; 0: no checkpoints; default: a tenth of the budget"
    )
    data_files: tuple[str, ...] = Field(
        (),
        description="files that environments or algorithms read; a run counts as outdated when one of them changes",
    )

    def resolved(self) -> dict[str, Any]:
        """Return the suite as JSON values with every default filled in; reading them gives the same suite."""
        values = self.model_dump(mode="json", by_alias=True)
        for environment, entry in zip(self.environments, values["environments"]):
            entry["evaluation"] = self.evaluation_on(environment).model_dump(mode="json")
        return values

    def gpus_of_task(self, executor: str) -> float:
        """Return how many GPUs a task of an executor requests, as the key with the executor's name says."""
        return getattr(getattr(self, executor, None), "gpus", 0)

    def evaluation_on(self, environment: EnvironmentEntry) -> EvaluationEntry:
        """Return the suite's evaluation with the environment's differences applied.

        With several agents, an evaluation has 32 episodes unless the suite says otherwise (Gorsane et al. 2022).
        """
        given = {} if environment.evaluation is None else environment.evaluation.model_dump(exclude_unset=True)
        if environment.backend in MULTI_AGENT and "episodes" not in self.evaluation.model_fields_set:
            given = {"episodes": MULTI_AGENT_EPISODES, **given}
        return self.evaluation.model_copy(update=given) if given else self.evaluation
