"""Pydantic model of an algorithm's key `tuned`: how its hyperparameters were found. It changes no run and no key."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rlbench.messages import quoted
from rlbench.suites.suite_values import Count, CountOrZero, Steps, StrictModel, lacking, value_error


class TunedEntry(StrictModel):
    """How an algorithm's hyperparameters were found. Each key is optional, but at least one is needed."""

    trials: CountOrZero | None = Field(None, description="settings that were tried; 0, or `tuned: false`: not tuned")
    seeds: Count | None = Field(None, description="seeds of each trial; leave it out if trials had different numbers")
    steps: Steps | None = Field(None, description="environment steps of all trials together")
    where: str = Field("", description='where the numbers come from, such as "zoo, 2023" or a command')

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.trials is None and self.seeds is None and self.steps is None and not self.where:
            raise lacking("should have at least one of trials, seeds, steps and where; write false if it was not tuned")
        if self.trials == 0 and (self.seeds or self.steps):
            raise value_error("has 0 trials, so it has no seeds and no steps")
        return self


def _from_flag(value: Any) -> Any:
    """Expand `false`, which is short for no trials. Raises: a pydantic error."""
    if value is False:
        return {"trials": 0}
    if value is not None and not isinstance(value, (dict, TunedEntry)):
        raise value_error(
            f"should be a mapping such as {{trials: 20, steps: 1e6}}, or false if it was not tuned, got {quoted(value)}"
        )
    return value


Tuned = Annotated[
    TunedEntry | None, BeforeValidator(_from_flag, json_schema_input_type=TunedEntry | Literal[False] | None)
]
