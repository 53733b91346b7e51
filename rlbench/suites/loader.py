"""Read a suite file (YAML 1.2): every error at once, each with file, line, column, the line itself and a caret."""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from rlbench.api import SuiteError
from rlbench.suites.schema import AlgorithmEntry, EnvironmentEntry, EvaluationEntry, Suite, WrapperEntry

MAX_BYTES = 1_000_000
_MODELS: dict[str, type[BaseModel]] = {
    "algorithms": AlgorithmEntry,
    "environments": EnvironmentEntry,
    "evaluation": EvaluationEntry,
    "wrappers": WrapperEntry,
}


def find_suite(name: str) -> Path:
    """A path as given, or a suite that comes with rlbench by its bare name. Raises: SuiteError if there is neither."""
    path = Path(name)
    if path.is_file():
        return path
    known = builtin_suites()
    if name in known:
        return known[name]
    raise SuiteError(f"no suite {name!r}: not a file, and those that come with rlbench are {', '.join(known)}")


def builtin_suites() -> dict[str, Path]:
    """The suites that come with rlbench, by name; in a checkout they lie beside the package."""
    folders = (Path(str(importlib.resources.files("rlbench.suites"))) / "builtin", Path(__file__).parents[2] / "suites")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def load_suite(path: Path) -> Suite:
    """Read and check a suite. Raises: SuiteError with every problem found."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: cannot be read: {error}") from error
    if len(text) > MAX_BYTES:
        raise SuiteError(f"{path}: over {MAX_BYTES} characters; a suite is a page")
    try:
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise SuiteError(
            _pointed(path, text, line, column, str(error.problem or error.context or "not YAML"))
        ) from error
    except YAMLError as error:
        raise SuiteError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise SuiteError(f"{path}:1:1: error: a suite is a mapping with name, algorithms, environments and seeds")
    try:
        return Suite.model_validate(_plain(document))
    except ValidationError as error:
        problems = [_explain(path, text, document, found) for found in error.errors()]
        raise SuiteError("\n".join(dict.fromkeys(problems))) from error


def _plain(node: Any) -> Any:
    """ruamel's own containers and numbers as Python's."""
    if isinstance(node, dict):
        return {str(k): _plain(v) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v) for v in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _explain(path: Path, text: str, document: Any, error: Any) -> str:
    location = [part for part in error["loc"] if isinstance(part, int) or not _is_tag(part, document, error["loc"])]
    line, column = _place(document, location)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = f"unknown key {location[-1]!r}{_nearest(str(location[-1]), location)}"
    elif error["type"] == "missing":
        message = f"{location[-1]!r} is missing"
    elif location:
        message = f"{'.'.join(map(str, location))}: {message[0].lower()}{message[1:]}"
    return _pointed(path, text, line, column, message)


def _is_tag(part: Any, document: Any, location: Sequence[Any]) -> bool:
    """Whether a part of pydantic's location names a branch of a union, not a key of the file."""
    node = document
    for step in location[: list(location).index(part)]:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return True
    return not (isinstance(node, dict) and (part in node or part in Suite.model_fields or part in _known(location)))


def _known(location: Sequence[Any]) -> list[str]:
    containers = [part for part in location if part in _MODELS]
    return list((_MODELS[containers[-1]] if containers else Suite).model_fields)


def _nearest(name: str, location: Sequence[Any]) -> str:
    known = _known(location[:-1])
    close = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"


def _place(document: Any, location: Sequence[Any]) -> tuple[int, int]:
    """Line and column (from 0) of the deepest part of a location that the file has."""
    node: Any = document
    place = (0, 0)
    for part in location:
        try:
            place = (node.lc.key if hasattr(node, "keys") else node.lc.item)(part)
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return place


def _pointed(path: Path, text: str, line: int, column: int, message: str) -> str:
    lines = text.splitlines()
    source = lines[line] if line < len(lines) else ""
    return f"{path}:{line + 1}:{column + 1}: error: {message}\n    {source}\n    {' ' * column}^"
