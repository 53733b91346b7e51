"""References: the form in which a suite writes values that YAML does not have, such as functions, arrays and tuples.

`{$import: "numpy:sign"}` is an object of a module, by its name. `{$array: [1, 0, 0], dtype: float32}` is a numpy array,
and `{$tuple: [64, 64]}` is a tuple. Records and the run's key contain references as they are written. They are replaced
by their values when an environment is made.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rlbench.api import RlbenchError
from rlbench.messages import error_text, nearest, quoted

IMPORT, ARRAY, TUPLE, DTYPE = "$import", "$array", "$tuple", "dtype"
_KNOWN = (IMPORT, ARRAY, TUPLE)
_IMPORTED = re.compile(r"[\w.]+:[\w.]+")
Path = tuple[str | int, ...]


class ReferenceProblem(RlbenchError):
    """A reference that cannot be read or imported. path: the keys and indices that lead to it."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{'.'.join(map(str, path))}: {problem}" if path else problem)
        self.path, self.problem = path, problem


def references(value: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield every reference in JSON values, with its path: the keys and indices that lead to it.

    A reference is a mapping with a key that begins with $.
    """
    if isinstance(value, Mapping):
        if any(isinstance(key, str) and key.startswith("$") for key in value):
            yield path, value
            return
        for key, inner in value.items():
            yield from references(inner, (*path, key))
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from references(inner, (*path, i))


def problem_of(reference: Mapping[str, Any]) -> str:
    """Return what is wrong with the form of a reference, or "". Do not import anything."""
    keys = [key for key in reference if key.startswith("$")]
    unknown = next((key for key in keys if key not in _KNOWN), None)
    if unknown is not None:
        return f"unknown key {unknown!r}" + (nearest(unknown, _KNOWN) or f"; known: {', '.join(_KNOWN)}")
    others = [key for key in reference if key not in ((ARRAY, DTYPE) if keys == [ARRAY] else keys)]
    if others or len(keys) > 1:
        return (
            f'write {{{IMPORT}: "module:name"}}, {{{TUPLE}: [64, 64]}} or {{{ARRAY}: [1, 0, 0]}}, which may have a '
            f"{DTYPE} too; got the keys {', '.join(map(repr, reference))}"
        )
    given = reference[keys[0]]
    if keys == [TUPLE]:
        return "" if isinstance(given, (list, tuple)) else f"{TUPLE} should be a list, got {quoted(given)}"
    if keys == [IMPORT]:
        is_name = isinstance(given, str) and _IMPORTED.fullmatch(given)
        return "" if is_name else f'{IMPORT} should be "module:name", such as "numpy:sign", got {quoted(given)}'
    try:
        _array(reference)
    except (TypeError, ValueError) as error:
        return f"{ARRAY} cannot be made an array: {error}"
    return ""


def resolved(value: Any, path: Path = ()) -> Any:
    """Return JSON values with every reference replaced by its value, or the same object if it has no references.

    Raises: ReferenceProblem.
    """
    found = dict(references(value, path))
    return _replaced(value, path, found) if found else value


def _replaced(value: Any, path: Path, found: Mapping[Path, Mapping[str, Any]]) -> Any:
    if path in found:
        return _value_of(found[path], path)
    if isinstance(value, Mapping):
        return {key: _replaced(inner, (*path, key), found) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(inner, (*path, i), found) for i, inner in enumerate(value)]
    return value


def _value_of(reference: Mapping[str, Any], path: Path) -> Any:
    if problem := problem_of(reference):
        raise ReferenceProblem(path, problem)
    if ARRAY in reference:
        return _array(reference)
    if TUPLE in reference:
        return tuple(reference[TUPLE])
    try:
        return import_object(reference[IMPORT])
    except RlbenchError as error:
        raise ReferenceProblem(path, str(error)) from error


def _array(reference: Mapping[str, Any]) -> Any:
    array = np.array(reference[ARRAY], reference.get(DTYPE))
    if array.dtype.kind not in "biuf":
        raise ValueError(f"it should contain numbers, got {quoted(reference[ARRAY])}")
    return array


def import_object(name: str) -> Any:
    """Import and return the object "module:name". Raises: RlbenchError that says which part cannot be found."""
    module_name, _, attribute = name.partition(":")
    try:
        value = importlib.import_module(module_name)
    except Exception as error:
        raise RlbenchError(f"{module_name!r} cannot be imported: {error_text(error)}") from error
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise RlbenchError(f"{module_name!r} has no {attribute!r}{nearest(part, dir(value))}")
        value = getattr(value, part)
    return value
