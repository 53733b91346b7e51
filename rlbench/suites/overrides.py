"""Values from the command line that override values of a suite file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rlbench.api import SuiteError
from rlbench.messages import explain, quoted
from rlbench.suites.suite_models import Suite

_SMALLEST = {"name": "any", "algorithms": ["any"], "environments": [{"id": "any", "steps": 1}], "seeds": 1}


def validate_keys(keys: Mapping[str, Any]) -> Suite:
    """Return a suite with these keys and placeholders for all others. Raises: pydantic's ValidationError."""
    return Suite.model_validate({**_SMALLEST, **keys})


def override(values: dict[str, Any], changes: Mapping[str, Any], settings: Sequence[str]) -> None:
    """Replace top-level keys and hyperparameters ("dqn.learning_rate=1e-3") in a suite's values.

    Raises: SuiteError for an invalid change.
    """
    try:
        validate_keys(changes)
    except ValidationError as error:
        messages = [f"--{str(e['loc'][0]).replace('_', '-')}: {explain(e)}" for e in error.errors()]
        raise SuiteError("\n".join(f"error: {message}" for message in messages)) from error
    values.update(changes)
    algorithms = values.get("algorithms")
    for entry in algorithms if isinstance(algorithms, list) and "seeds" in changes else ():
        if isinstance(entry, dict):
            entry.pop("seeds", None)  # the new seeds apply to every algorithm
    for setting in settings:
        _set(values, setting)


def value_of(setting: str, algorithm: str) -> tuple[str, Any]:
    """Return an algorithm's hyperparameter and its value, from "learning_rate=1e-3" or "dqn.learning_rate=1e-3".

    Raises: SuiteError if the setting has neither form.
    """
    name, sign, text = setting.partition("=")
    name = name.removeprefix(f"{algorithm}.")
    if not sign or not name.isidentifier():
        raise SuiteError(f"--set {setting}: should be PARAM=VALUE, such as learning_rate=1e-3")
    return name, _read(setting, text)


def _read(setting: str, text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:  # ValueError: an impossible date
        raise SuiteError(f"--set {setting}: {quoted(text)} is not a value") from error


def _set(values: dict[str, Any], setting: str) -> None:
    name, sign, text = setting.partition("=")
    algorithms = values.get("algorithms")
    if not sign or not isinstance(algorithms, list):
        raise SuiteError(f"--set {setting}: should be ALGORITHM.PARAM=VALUE, such as dqn.learning_rate=1e-3")
    value = _read(setting, text)
    labels = [_names(entry) for entry in algorithms]
    matched = False
    for i, names in enumerate(labels):
        parameter = next((name[len(n) + 1 :] for n in names if name.startswith(f"{n}.")), "")
        if parameter:
            matched = True
            entry = algorithms[i] = {"id": algorithms[i]} if isinstance(algorithms[i], str) else dict(algorithms[i])
            params, sweep, differing = (_mapping(entry, key) for key in ("params", "sweep", "per_environment"))
            if params is not None:
                entry["params"] = {**params, parameter: value}
            if sweep:
                entry["sweep"] = {name: values for name, values in sweep.items() if name != parameter}
            for params in (differing or {}).values():
                if isinstance(params, dict) and parameter in params:
                    params[parameter] = value
    if not matched:
        available = ", ".join(dict.fromkeys(n for names in labels for n in names))
        raise SuiteError(f"--set {setting}: the suite has no such algorithm; it has {available}")


def _mapping(entry: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """Return the mapping under a key, {} if the key is missing, or None for another value, which other code reports."""
    value = entry.get(key, {})
    return value if isinstance(value, dict) else None


def _names(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    return [str(entry[key]) for key in ("label", "id") if entry.get(key)] if isinstance(entry, dict) else []
