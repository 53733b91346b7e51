"""Pydantic models of a suite's key `tune`: the settings that `rlbench tune` tries. Other commands ignore the key."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from rlbench.messages import quoted, refuse_bool
from rlbench.suites.suite_values import MAX_SEEDS, StrictModel, Values, lacking, value_error

MAX_TRIALS = 1_000
TPE_STARTUP = 10  # the first trials, drawn at random before TPE proposes any; the suite's own setting is one of them
_LARGEST_INTEGER = 1 << 53  # above this, floats do not represent every whole number


def _ends(value: Any) -> tuple[float, float]:
    """Return the two ends of a range. Raises: a pydantic error."""
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    if not is_pair or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value):
        raise value_error(f"should be a list of two numbers, the lowest and the highest value, got {quoted(value)}")
    low, high = value
    try:
        is_finite = math.isfinite(low) and math.isfinite(high) and math.isfinite(float(high) - float(low))
    except OverflowError:  # a whole number above the largest float
        is_finite = False
    if not is_finite:
        raise value_error(f"should have finite ends at a finite distance, got {quoted(value)}")
    if not low < high:
        raise value_error(f"is empty, because {low:g} is not below {high:g}; give the lowest value first")
    return low, high


def _positive_ends(value: Any) -> tuple[float, float]:
    low, high = _ends(value)
    if low <= 0:
        raise value_error(f"should begin above 0, because 0 has no logarithm, got {quoted(value)}")
    return low, high


def _whole_ends(value: Any) -> tuple[int, int]:
    low, high = _ends(value)
    if not all(float(end).is_integer() and abs(end) <= _LARGEST_INTEGER for end in (low, high)):
        raise value_error(f"should have whole numbers as its ends, got {quoted(value)}")
    return int(low), int(high)


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values of a choice. Raises: a pydantic error if a value is listed twice and so drawn more often."""
    texts = [json.dumps(value, default=str) for value in values]
    for k, text in enumerate(texts):
        if text in texts[:k]:
            raise value_error(f"has {quoted(values[k])} twice")
    return values


def _counts(value: Any) -> tuple[int, ...]:
    """Return the numbers of seeds, one for each round. Raises: a pydantic error."""
    given = value if isinstance(value, (list, tuple)) else [value]
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= MAX_SEEDS for n in given)
    if not given or not whole or list(given) != sorted(set(given)):
        raise value_error(
            f"should be a number of seeds from 1 to {MAX_SEEDS}, or an ascending list of such numbers, such as [1, 3],"
            f" got {quoted(value)}"
        )
    return tuple(given)


def better_third(trials: int) -> int:
    """Return how many of a round's trials take part in the next round."""
    return max(1, math.ceil(trials / 3))


_ENDS = WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
_WHOLE_ENDS = WithJsonSchema({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2})
_KINDS = ("log", "uniform", "int", "choice")
_COUNT_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MAX_SEEDS}


def _with_a_kind(value: Any) -> Any:
    """Return a value that is a mapping with a known key. Raises: a pydantic error with an example for other values."""
    if isinstance(value, BaseModel) or (isinstance(value, dict) and {*value} & {*_KINDS, "when"}):
        return value
    example = "{log: [1e-4, 1e-2]}, {uniform: [0.9, 0.999]}, {int: [3, 20]} or {choice: [32, 64]}"
    raise value_error(f"should say how values are drawn, such as {example}, got {quoted(value)}")


class DistributionEntry(StrictModel):
    """Where the values of a hyperparameter are drawn from: one of `log`, `uniform`, `int` and `choice`."""

    log: Annotated[tuple[float, float], BeforeValidator(_positive_ends), _ENDS] | None = Field(
        None, description="lowest and highest value; the logarithm is drawn uniformly"
    )
    uniform: Annotated[tuple[float, float], BeforeValidator(_ends), _ENDS] | None = Field(
        None, description="lowest and highest value, drawn uniformly"
    )
    whole: Annotated[tuple[int, int], BeforeValidator(_whole_ends), _WHOLE_ENDS] | None = Field(
        None, alias="int", description="lowest and highest whole number, both included, drawn uniformly"
    )
    choice: Annotated[Values, AfterValidator(_different)] | None = Field(
        None, description="a list of values, drawn with equal probability"
    )
    when: dict[str, Any] = Field(
        {},
        description="other hyperparameters and their values; this hyperparameter is drawn only in settings with these"
        " values, and keeps its untuned value in all other settings",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [name for name in ("log", "uniform", "whole", "choice") if getattr(self, name) is not None]
        if len(given) != 1:
            raise lacking(f"should have one of log, uniform, int and choice, got {len(given) or 'none'} of them")
        return self

    def samples(self) -> list[tuple[tuple[str | int, ...], Any]]:
        """Return values that an algorithm must accept, each with its place: all choices, or the ends of a range.

        A range of floats also has a value between its ends. It comes last, without an index in its place, and is not
        whole even if both ends are.
        """
        if self.choice is not None:
            return [(("choice", i), value) for i, value in enumerate(self.choice)]
        if self.whole is not None:
            return [(("int", i), value) for i, value in enumerate(self.whole)]
        name, ends = ("log", self.log) if self.log is not None else ("uniform", self.uniform)
        assert ends is not None
        return [*(((name, i), value) for i, value in enumerate(ends)), ((name,), ends[0] + 0.382 * (ends[1] - ends[0]))]


Distribution = Annotated[DistributionEntry, BeforeValidator(_with_a_kind, json_schema_input_type=DistributionEntry)]


class TuneEntry(StrictModel):
    """What `rlbench tune` tries. Every algorithm with a space gets the same number of settings and seeds."""

    trials: Annotated[int, Field(ge=2, le=MAX_TRIALS), BeforeValidator(refuse_bool)] = Field(
        20, description="settings tried for each algorithm; trial 0 is the suite's own setting"
    )
    seeds: Annotated[
        tuple[int, ...],
        BeforeValidator(_counts),
        WithJsonSchema({"anyOf": [_COUNT_SCHEMA, {"type": "array", "items": _COUNT_SCHEMA, "minItems": 1}]}),
    ] = Field(
        (3,),
        description="seeds of each trial; with a list, all trials train the first number of seeds, the better third of"
        " them trains the second number in total, and so on",
    )
    threshold: Annotated[float, Field(allow_inf_nan=False), BeforeValidator(refuse_bool)] | None = Field(
        None,
        description="choose by the share of runs that score at least this, and between equal shares by the IQM; useful"
        " if runs of some settings fail; default: choose by the IQM alone",
    )
    sampler: Literal["random", "tpe"] = Field(
        "random",
        description="how settings after trial 0 are chosen; random: drawn at random; tpe: drawn at random up to trial"
        " 9, then proposed by Optuna from the scores so far (needs the extra `tune`)",
    )
    space: Annotated[dict[str, Annotated[dict[str, Distribution], Field(min_length=1)]], Field(min_length=1)] = Field(
        description="by the algorithm's label or id, its hyperparameters and where their values are drawn from;"
        " algorithms without a space are not tuned"
    )

    @model_validator(mode="before")
    @classmethod
    def _with_a_space(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.get("space"):
            example = "space: {dqn: {learning_rate: {log: [1e-4, 1e-2]}}}"
            raise value_error(f"needs the key space, which says what to tune, such as {example}")
        return value

    @model_validator(mode="after")
    def _enough_for_tpe(self) -> Self:
        if self.sampler == "tpe" and self.trials <= TPE_STARTUP:
            raise value_error(
                f"sampler tpe draws the first {TPE_STARTUP} trials at random, so trials should be above that, got"
                f" {self.trials}"
            )
        return self

    @property
    def rounds(self) -> tuple[tuple[int, int], ...]:
        """For each round, the number of trials, and the number of seeds that each trial has trained by its end."""
        counts, trials = [], self.trials
        for seeds in self.seeds:
            counts.append((trials, seeds))
            trials = better_third(trials)
        return tuple(counts)

    @property
    def runs(self) -> int:
        """The number of runs of one algorithm on one task."""
        before = (0, *self.seeds)
        return sum(trials * (seeds - earlier) for (trials, seeds), earlier in zip(self.rounds, before))
