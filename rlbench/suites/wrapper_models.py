"""The pydantic model of a wrapper in a suite."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from rlbench.suites.suite_values import StrictModel

REFERENCE = r"^[\w.]+:\w+$"  # module:name


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class WrapperEntry(StrictModel):
    """A wrapper that defines the task. Steps and returns are counted outside it."""

    name: Annotated[str, Field(pattern=REFERENCE, description='"module:Class"')]
    kwargs: dict[str, Any] = Field({}, description="keyword arguments of the wrapper")


Wrappers = tuple[Annotated[WrapperEntry, BeforeValidator(_by_name, json_schema_input_type=str | WrapperEntry)], ...]
