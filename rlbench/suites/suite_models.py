"""What a suite file may say, as pydantic models; every unknown key is an error.

The field descriptions are what editors show: `rlbench schema` prints the JSON schema made from them.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

MAX_SEEDS = 10_000
LARGEST_SEED = (1 << 31) - 1  # what environments take as a seed
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DEVICE = r"^(auto|cpu|mps|cuda(:\d+)?)$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("expected", "{message}", {"message": message})


def _by_id(value: Any) -> Any:
    """`dqn` is short for `{id: dqn}`."""
    return {"id": value} if isinstance(value, str) else value


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _on_or_off(value: Any) -> Any:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def seconds(value: Any) -> float | None:
    """A duration such as 90, "90s", "30m", "1h30m" or "2d" in seconds. Raises: a pydantic error for anything else."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd])", value) if isinstance(value, str) else []
    if parts and re.fullmatch(r"(\s*\d+(\.\d+)?\s*[smhd])+\s*", value):
        total = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if total > 0:
            return total
    raise _wrong(f"should be a duration such as 90s, 30m or 1h30m, got {value!r}")


def _seeds(value: Any) -> Any:
    """A count, or the seeds themselves."""
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer()
    if whole and 1 <= value <= MAX_SEEDS:
        return tuple(range(int(value)))
    several = isinstance(value, (list, tuple)) and 0 < len(value) <= MAX_SEEDS
    if several and all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= LARGEST_SEED for v in value):
        return tuple(dict.fromkeys(value))
    raise _wrong(
        f"should be a count from 1 to {MAX_SEEDS}, or a list of whole numbers from 0 to {LARGEST_SEED}, got {value!r}"
    )


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _devices(value: Any) -> Any:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, (list, tuple)) or not found or not all(isinstance(d, str) for d in found):
        raise _wrong(f"should be a device or a list of them, got {value!r}")
    for device in found:
        if not re.fullmatch(DEVICE, device):
            raise _wrong(f"there is no device {device!r}: it is cpu, mps, cuda, cuda:0, … or auto")
    return tuple(dict.fromkeys(found))


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", value):
        raise _wrong(
            f"should be at most 61 letters, digits, dots, dashes and underscores, for it names a folder; got {value!r}"
        )
    return value


def _values(value: Any) -> Any:
    if not isinstance(value, (list, tuple)) or not value:
        raise _wrong(f"should be a list of the values to try, got {value!r}")
    return tuple(value)


Name = Annotated[str, AfterValidator(_name)]
Values = Annotated[
    tuple[Any, ...], BeforeValidator(_values), WithJsonSchema({"type": "array", "items": {}, "minItems": 1})
]
Duration = Annotated[
    float | None,
    BeforeValidator(seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}, {"type": "null"}]}),
]
Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(_seeds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS},
                {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}, "minItems": 1},
            ]
        }
    ),
]
Steps = Annotated[int, Field(ge=1, le=10**12)]
_DEVICE_SCHEMA = {"type": "string", "pattern": DEVICE}
Devices = Annotated[
    tuple[str, ...],
    BeforeValidator(_devices),
    WithJsonSchema({"anyOf": [_DEVICE_SCHEMA, {"type": "array", "items": _DEVICE_SCHEMA, "minItems": 1}]}),
]


class AlgorithmEntry(_Strict):
    """An algorithm and its parameters."""

    id: str = Field(description="its name, as `rlbench ls algorithms` lists it")
    label: str = Field("", description="its name in tables, so that one may stand twice")
    params: dict[str, Any] = Field({}, description="hyperparameters; `rlbench info ID` lists them")
    per_environment: dict[str, dict[str, Any]] = Field({}, description="hyperparameters that differ on one environment")
    sweep: dict[str, Values] = Field(
        {},
        description="hyperparameters and the values to try; every combination is an algorithm, labelled `ppo lr=0.001`",
    )
    environments: (
        Annotated[
            tuple[str, ...],
            Field(min_length=1),
            BeforeValidator(_several, json_schema_input_type=str | tuple[str, ...]),
        ]
        | None
    ) = Field(None, description="ids of those it runs on; left out: all that fit")
    seeds: Seeds | None = Field(None, description="how many, or which, instead of the suite's")

    @property
    def name(self) -> str:
        return self.label or self.id


class WrapperEntry(_Strict):
    """A wrapper that defines the task: it lies under the meter."""

    name: Annotated[str, Field(pattern=r"^[\w.]+:\w+$", description='"module:Class"')]
    kwargs: dict[str, Any] = Field({}, description="its keyword arguments")


class EvaluationEntry(_Strict):
    """How policies are evaluated."""

    every: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="environment steps between evaluations, the same for all algorithms; 0: only the final one; left out: a tenth of the environment's budget",
    )
    episodes: Annotated[int, Field(ge=1)] = Field(10, description="episodes of one evaluation")
    final_episodes: Annotated[int, Field(ge=1)] = Field(100, description="episodes of the final policy's evaluation")
    policy: Literal["greedy", "sampled"] = Field("greedy", description="the mode of the policy, or a draw from it")


Algorithms = Annotated[
    tuple[Annotated[AlgorithmEntry, BeforeValidator(_by_id, json_schema_input_type=str | AlgorithmEntry)], ...],
    Field(min_length=1),
]
Wrappers = tuple[Annotated[WrapperEntry, BeforeValidator(_by_name, json_schema_input_type=str | WrapperEntry)], ...]


class BudgetEntry(_Strict):
    """What one algorithm is given on an environment."""

    steps: Steps = Field(description="its budget, in environment steps")


class AnchorsEntry(_Strict):
    """The scores between which those of an environment are normalised."""

    lower: float = Field(description="what costs nothing: the better of random play and the best constant action")
    upper: float = Field(description="what counts as solved, above lower")
    lower_source: str = Field("", description="where it comes from")
    upper_source: str = Field("", description="where it comes from")

    @model_validator(mode="after")
    def _apart(self) -> AnchorsEntry:
        if not math.isfinite(self.lower) or not math.isfinite(self.upper) or not self.upper > self.lower:
            raise _wrong(f"should have upper above lower, got lower {self.lower:g} and upper {self.upper:g}")
        return self


class EnvironmentEntry(_Strict):
    """An environment, its budget, and what differs from the suite on it."""

    id: str = Field(description='a Gymnasium id, or "module:MyEnv-v0"')
    steps: Steps = Field(description="the budget of each run, in environment steps")
    per_algorithm: dict[str, BudgetEntry] = Field(
        {}, description="budgets that differ, by label or id; the reports mark what was not given the same"
    )
    kwargs: dict[str, Any] = Field({}, description="keyword arguments of gymnasium.make")
    wrappers: Wrappers = Field((), description="wrappers that define the task, innermost first")
    backend: str = Field(
        "gymnasium", description="what makes the environments for training; envpool: in C++ (docs/envpool.md)"
    )
    evaluation: EvaluationEntry | None = Field(None, description="what differs from the suite's evaluation")
    anchors: AnchorsEntry | None = Field(
        None, description="instead of those that come with rlbench; `rlbench anchors ID` measures the lower one"
    )
    timeout: Duration = Field(None, description="instead of the suite's")
    checkpoint_every: Annotated[int, Field(ge=0)] | None = Field(None, description="instead of the suite's")


class Suite(_Strict):
    """Algorithms × environments × seeds, and how they are evaluated and run."""

    name: Name = Field(description="letters, digits, dots, dashes; names the result folder")
    algorithms: Algorithms = Field(description="those that are compared; each runs on every environment that fits it")
    environments: Annotated[tuple[EnvironmentEntry, ...], Field(min_length=1)] = Field(
        description="what they are run on"
    )
    seeds: Seeds = Field(description="how many (3: those from 0 to 2), or which")
    seed_space: Literal["training", "tuning"] = Field(
        "training", description="tuning: draws that no reported run shares"
    )
    evaluation: EvaluationEntry = Field(
        EvaluationEntry(), description="how policies are evaluated, where an environment does not say otherwise"
    )
    devices: Devices = Field(
        ("cpu",),
        description="cpu, mps, cuda, cuda:0, …, or a list of them, over which groups are dealt; auto: every CUDA device, else cpu",
    )
    jobs: Annotated[int, Field(ge=1)] | None = Field(None, description="groups run at a time; left out: one a core")
    timeout: Duration = Field(None, description="longest time of a group's process, such as 2h")
    stall_timeout: Duration = Field(None, description="longest time without an environment step, such as 10m")
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_on_or_off)] = Field(
        "auto", description="compile updates; auto: in runs long enough to win the compiler's time back"
    )
    resume: Literal["exact", "approximate", "never"] = Field(
        "exact", description="approximate: go on although numbers will differ, and mark the rows; never: start again"
    )
    checkpoint_every: Annotated[int, Field(ge=0)] | None = Field(
        None, description="environment steps between checkpoints; 0: none; left out: a tenth of the budget"
    )
    data_files: tuple[str, ...] = Field(
        (), description="files that environments or algorithms read; when one changes, so has what made the runs"
    )

    def resolved(self) -> dict[str, Any]:
        """The suite as JSON values with every default filled in; read again it means the same."""
        values = self.model_dump(mode="json")
        for environment, entry in zip(self.environments, values["environments"]):
            entry["evaluation"] = self.evaluation_on(environment).model_dump(mode="json")
        return values

    def evaluation_on(self, environment: EnvironmentEntry) -> EvaluationEntry:
        """The suite's evaluation with what the environment says of its own."""
        own = environment.evaluation
        return self.evaluation if own is None else self.evaluation.model_copy(update=own.model_dump(exclude_unset=True))
