"""What a suite file may say, as pydantic models; every unknown key is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _by_id(value: Any) -> Any:
    """`dqn` is short for `{id: dqn}`."""
    return {"id": value} if isinstance(value, str) else value


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class AlgorithmEntry(_Strict):
    """An algorithm and its parameters. label: its name in tables, so that one may stand twice."""

    id: str
    label: str = ""
    params: dict[str, Any] = {}
    per_environment: dict[str, dict[str, Any]] = {}

    @property
    def name(self) -> str:
        return self.label or self.id


class WrapperEntry(_Strict):
    """A wrapper that defines the task, as "module:Class"."""

    name: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    kwargs: dict[str, Any] = {}


class EvaluationEntry(_Strict):
    """every: environment steps between evaluations; left out: a tenth of the budget."""

    every: Annotated[int, Field(ge=0)] | None = None
    episodes: Annotated[int, Field(ge=1)] = 10
    final_episodes: Annotated[int, Field(ge=1)] = 100
    policy: Literal["greedy", "sampled"] = "greedy"


class EnvironmentEntry(_Strict):
    """An environment, its budget and what differs from the suite."""

    id: str
    steps: Annotated[int, Field(ge=1)]
    kwargs: dict[str, Any] = {}
    wrappers: tuple[Annotated[WrapperEntry, BeforeValidator(_by_name)], ...] = ()
    backend: str = "gymnasium"
    evaluation: EvaluationEntry | None = None


class Suite(_Strict):
    """Algorithms × environments × seeds, and how they are evaluated and run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$")]
    algorithms: Annotated[tuple[Annotated[AlgorithmEntry, BeforeValidator(_by_id)], ...], Field(min_length=1)]
    environments: Annotated[tuple[EnvironmentEntry, ...], Field(min_length=1)]
    seeds: Annotated[int, Field(ge=1, le=10_000)] | tuple[Annotated[int, Field(ge=0)], ...]
    seed_space: Literal["training", "tuning"] = "training"
    evaluation: EvaluationEntry = EvaluationEntry()
    device: Annotated[str, Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$")] = "cpu"
    jobs: Annotated[int, Field(ge=1)] | None = None
    compile: bool = False
    checkpoint_every: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Suite:
        names = [a.name for a in self.algorithms]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise ValueError(f"algorithm {twice[0]!r} stands twice; give each its own label")
        known = {e.id for e in self.environments}
        if len(known) < len(self.environments):
            raise ValueError("an environment stands twice; one suite has each of them once")
        for algorithm in self.algorithms:
            for env_id in algorithm.per_environment:
                if env_id not in known:
                    raise ValueError(
                        f"per_environment of {algorithm.name!r} names {env_id!r}, which is not among the environments"
                    )
        return self

    @property
    def seed_list(self) -> tuple[int, ...]:
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(dict.fromkeys(self.seeds))
