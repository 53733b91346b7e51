"""From parameters as a suite gives them to an algorithm's Config: types, ranges and unknown names are checked here."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from rlbench.api import ConfigError, PluginError
from rlbench.messages import BOUNDS, explain, nearest, quoted
from rlbench.plugins.parameter_names import hint, value_hint

_FALLS = "lin_"


def configure(config: type[Any], params: Mapping[str, Any], where: str) -> Any:
    """An instance of the frozen dataclass `config` with defaults for what `params` leaves out.

    1e5 is accepted where a whole number is meant, 1.5 is not. Raises: ConfigError with every problem.
    """
    fields = {f.name: f for f in dataclasses.fields(config)}
    problems = [(name, _unknown(name, list(fields))) for name in params if name not in fields]
    try:
        values = _model(config)(**{k: v for k, v in params.items() if k in fields})
    except ValidationError as error:
        problems += [(".".join(map(str, e["loc"])), _explained(e)) for e in error.errors()]
    if problems:
        raise ConfigError(where, problems)
    try:
        return config(**{name: getattr(values, name) for name in fields})
    except (ValueError, TypeError) as error:
        raise ConfigError(where, [("", str(error))]) from error


def _unknown(name: str, known: list[str]) -> str:
    if not known:
        return "unknown parameter; there are none"
    return "unknown parameter" + (hint(name, known) or nearest(name, known) or f"; known: {', '.join(sorted(known))}")


def _explained(error: Mapping[str, Any]) -> str:
    """What pydantic found, with what is written here for a value that is known from elsewhere."""
    expected = str(error.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ")
    choices = expected.split(", ") if expected else []  # none: it is no choice between words
    meant = value_hint(str(error["loc"][0]), error["input"], choices)
    return explain(error).partition("; did you mean")[0] + meant if meant else explain(error)


def _model(config: type[Any]) -> type[Any]:
    """The dataclass as a pydantic model: the same fields, with the ranges that `setting` recorded."""
    hints = typing.get_type_hints(config)
    fields: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise PluginError(f"{config.__qualname__}.{f.name} has no default; every hyperparameter needs one")
        default = (
            {"default": f.default} if f.default is not dataclasses.MISSING else {"default_factory": f.default_factory}
        )
        limits = f.metadata.get("limits", {})
        if f.metadata.get("schedule"):
            read = _schedule(limits, type(None) in typing.get_args(hints[f.name]))
            fields[f.name] = (Annotated[Any, BeforeValidator(read)], Field(**default, validate_default=True))
        else:
            fields[f.name] = (hints[f.name], Field(**default, **limits))
    return create_model(config.__qualname__, __config__=ConfigDict(extra="forbid", strict=False), **fields)


def _schedule(limits: Mapping[str, Any], may_be_nothing: bool) -> Callable[[Any], float | str | None]:
    """What reads a setting with schedule=True: a number within the limits, or one that falls, as one text however it is written.

    The text is `lin_` and the number as Python writes it. may_be_nothing: None stays None.
    """
    number: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(allow_inf_nan=False, **limits)])

    def read(given: Any) -> float | str | None:
        if given is None and may_be_nothing:
            return None
        falls = isinstance(given, str) and given.startswith(_FALLS)
        try:
            found = number.validate_python(given.removeprefix(_FALLS) if falls else given)
        except ValidationError as error:
            [problem] = error.errors()
            if problem["type"] in BOUNDS:
                raise ValueError(explain({**problem, "input": given})) from None
            raise ValueError(
                f"should be a number, such as 0.001, or lin_0.001, which falls to 0 over the budget, got {quoted(given)}"
            ) from None
        return f"{_FALLS}{found!r}" if falls else found

    return read


def schema(config: type[Any]) -> list[dict[str, Any]]:
    """The hyperparameters of a Config: name, type, default, limits and meaning, in its own order."""
    hints = typing.get_type_hints(config)
    return [
        {
            "name": f.name,
            "type": str(hints[f.name]).removeprefix("typing.").replace("<class '", "").replace("'>", ""),
            "default": f.default,
            "limits": dict(f.metadata.get("limits", {})),
            "doc": f.metadata.get("doc", ""),
        }
        for f in dataclasses.fields(config)
    ]
