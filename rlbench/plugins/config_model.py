"""Build an algorithm's Config from the parameters of a suite. Types, ranges and unknown names are checked here."""

from __future__ import annotations

import copy
import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from rlbench.api import ConfigError, PerSeed, PluginError
from rlbench.messages import BOUNDS, explain, nearest, quoted, refuse_bool, refuse_nan, shortened
from rlbench.plugins.parameter_names import hint, value_hint

_LINEAR_PREFIX = "lin_"


def configure(config: type[Any], params: Mapping[str, Any], where: str) -> Any:
    """Return an instance of the frozen dataclass `config`, with defaults for the fields that `params` does not set.

    An integer field accepts 1e5 but not 1.5. where: the algorithm, for errors. Raises: ConfigError with every problem.
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
        raise ConfigError(where, [("", shortened(str(error)))]) from error


def config_of_each_seed(configs: Sequence[Any], per_seed: Sequence[str], where: str) -> Any:
    """Return one Config for a stack, with a PerSeed where the seeds' Configs differ.

    configs: the Config of each seed. per_seed: the fields in which they may differ. Raises: PluginError if they differ
    in another field.
    """
    joined = copy.copy(configs[0])  # not `replace`, which would check a setting that no seed has
    for f in dataclasses.fields(joined):
        values = PerSeed(getattr(config, f.name) for config in configs)
        if any(value != values[0] for value in values):
            if f.name not in per_seed:
                raise PluginError(f"{where}: seeds of one stack cannot differ in {f.name}")
            object.__setattr__(joined, f.name, values)
    return joined


def as_given(config: Any) -> dict[str, Any]:
    """Return a Config as a dict, for records and keys.

    A field that was added in a later version is left out while it has its default, so that keys stay the same.
    """
    added = {f.name: f.default for f in dataclasses.fields(config) if f.metadata.get("added")}
    values = dataclasses.asdict(config)
    return {name: value for name, value in values.items() if name not in added or value != added[name]}


def _unknown(name: str, known: list[str]) -> str:
    if not known:
        return "unknown parameter; there are none"
    return "unknown parameter" + (hint(name, known) or nearest(name, known) or f"; known: {', '.join(sorted(known))}")


def _explained(error: Mapping[str, Any]) -> str:
    """Return pydantic's message, with a hint where the value is known from another library."""
    expected = str(error.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ")
    choices = expected.split(", ") if expected else []  # empty: the field is not a choice between words
    advice = value_hint(str(error["loc"][0]), error["input"], choices)
    return explain(error).partition("; did you mean")[0] + advice if advice else explain(error)


def _model(config: type[Any]) -> type[Any]:
    """Return the dataclass as a pydantic model: the same fields, with the ranges that `setting` recorded."""
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
            read = _schedule_reader(limits, type(None) in typing.get_args(hints[f.name]))
            fields[f.name] = (Annotated[Any, BeforeValidator(read)], Field(**default, validate_default=True))
        else:
            kind = hints[f.name]
            if _is_number(kind):
                kind = Annotated[kind, BeforeValidator(refuse_bool), AfterValidator(refuse_nan)]
            fields[f.name] = (kind, Field(**default, **limits))
    model: type[Any] = create_model(config.__qualname__, __config__=ConfigDict(extra="forbid", strict=False), **fields)
    return model


def _is_number(hint: Any) -> bool:
    """Return whether a type is a number or contains numbers, and no truth values."""
    parts = {
        hint,
        *typing.get_args(hint),
        *(inner for part in typing.get_args(hint) for inner in typing.get_args(part)),
    }
    return bool(parts & {int, float}) and bool not in parts


def _schedule_reader(limits: Mapping[str, Any], optional: bool) -> Callable[[Any], float | str | None]:
    """Return the function that reads a setting with schedule=True: a number within the limits, or a linear schedule.

    Every spelling of a schedule gives the same text: `lin_` and the number as Python writes it. optional: None stays
    None.
    """
    number: TypeAdapter[float] = TypeAdapter(
        Annotated[float, Field(allow_inf_nan=False, **limits), BeforeValidator(refuse_bool)]
    )

    def read(given: Any) -> float | str | None:
        if given is None and optional:
            return None
        linear = isinstance(given, str) and given.startswith(_LINEAR_PREFIX)
        try:
            value = number.validate_python(given.removeprefix(_LINEAR_PREFIX) if linear else given)
        except ValidationError as error:
            [problem] = error.errors()
            if problem["type"] in BOUNDS:
                raise ValueError(explain({**problem, "input": given})) from None
            raise ValueError(
                f"should be a number such as 0.001, or lin_0.001, which falls to 0 over the budget; got {quoted(given)}"
            ) from None
        return f"{_LINEAR_PREFIX}{value!r}" if linear else value

    return read


def schema(config: type[Any]) -> list[dict[str, Any]]:
    """Return the hyperparameters of a Config in its own order: name, type, default, limits and meaning."""
    hints = typing.get_type_hints(config)
    return [
        {
            "name": f.name,
            "type": str(hints[f.name]).removeprefix("typing.").replace("<class '", "").replace("'>", ""),
            "default": f.default,
            "limits": dict(f.metadata.get("limits", {})),
            "doc": f.metadata.get("doc", ""),
            **{flag: True for flag in ("below_steps", "rollout") if f.metadata.get(flag)},
        }
        for f in dataclasses.fields(config)
    ]
