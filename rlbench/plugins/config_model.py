"""From parameters as a suite gives them to an algorithm's Config: types, ranges and unknown names are checked here."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, create_model

from rlbench.api import ConfigError, PluginError
from rlbench.messages import explain, nearest


def configure(config: type[Any], params: Mapping[str, Any], where: str) -> Any:
    """An instance of the frozen dataclass `config` with defaults for what `params` leaves out.

    1e5 is accepted where a whole number is meant, 1.5 is not. Raises: ConfigError with every problem.
    """
    fields = {f.name: f for f in dataclasses.fields(config)}
    problems = [(name, _unknown(name, list(fields))) for name in params if name not in fields]
    try:
        values = _model(config)(**{k: v for k, v in params.items() if k in fields})
    except ValidationError as error:
        problems += [(".".join(map(str, e["loc"])), explain(e)) for e in error.errors()]
    if problems:
        raise ConfigError(where, problems)
    try:
        return config(**{name: getattr(values, name) for name in fields})
    except (ValueError, TypeError) as error:
        raise ConfigError(where, [("", str(error))]) from error


def _unknown(name: str, known: list[str]) -> str:
    if not known:
        return "unknown parameter; there are none"
    return "unknown parameter" + (nearest(name, known) or f"; known: {', '.join(sorted(known))}")


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
        fields[f.name] = (hints[f.name], Field(**default, **f.metadata.get("limits", {})))
    return create_model(config.__qualname__, __config__=ConfigDict(extra="forbid", strict=False), **fields)


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
