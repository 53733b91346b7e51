"""Read a suite file (YAML 1.2) and check its form: every problem at once, each with its place."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from rlbench.api import SuiteError
from rlbench.messages import explain, nearest
from rlbench.suites.overrides import override, validated
from rlbench.suites.source_location import Location, Problem, Source
from rlbench.suites.suite_models import (
    AlgorithmEntry,
    AnchorsEntry,
    BudgetEntry,
    EnvironmentEntry,
    EvaluationEntry,
    Suite,
    WrapperEntry,
)
from rlbench.suites.yaml_limits import MAX_BYTES, refusal

_MODELS: dict[str, type[BaseModel]] = {
    "algorithms": AlgorithmEntry,
    "anchors": AnchorsEntry,
    "environments": EnvironmentEntry,
    "evaluation": EvaluationEntry,
    "wrappers": WrapperEntry,
}
_NAMED: dict[str, type[BaseModel]] = {"per_algorithm": BudgetEntry}  # mappings from names to entries


@dataclass
class Draft:
    """A suite as far as it could be read. Where `problems` is not empty, entries that are wrong are None in `suite`."""

    suite: Suite
    source: Source
    problems: list[Problem] = field(default_factory=list)

    def checked(self) -> Suite:
        """The suite. Raises: SuiteError with every problem of its form."""
        if self.problems:
            raise SuiteError(self.source.describe(self.problems))
        return self.suite


def find_suite(name: str) -> Path:
    """A path as given, or a suite that comes with rlbench by its bare name. Raises: SuiteError if there is neither."""
    path = Path(name)
    if path.is_file():
        return path
    known = builtin_suites()
    if name in known:
        return known[name]
    hint = nearest(name, known)
    raise SuiteError(f"no suite {name!r}: not a file, and those that come with rlbench are {', '.join(known)}{hint}")


def builtin_suites() -> dict[str, Path]:
    """The suites that come with rlbench, by name; in a checkout they lie beside the package."""
    folders = (Path(str(importlib.resources.files("rlbench.suites"))) / "builtin", Path(__file__).parents[2] / "suites")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def load_suite(path: Path) -> Suite:
    """Read and check a suite's form. Raises: SuiteError with every problem found."""
    return read_suite(path).checked()


def read_suite(path: Path, changes: Mapping[str, Any] | None = None, settings: Sequence[str] = ()) -> Draft:
    """Read a suite; problems of its form stand in the draft, so that what else is wrong can be found before they are
    told.

    changes: top-level keys to be taken instead of the file's. settings: hyperparameters likewise, "dqn.lr=1e-3", where
    dqn is an algorithm's label or id. Raises: SuiteError if it is no YAML mapping at all, or for what is changed.
    """
    source = _parse(path)
    problems: list[Problem] = []
    written: dict[Location, str] = {}
    values = _corrected(source.document, Suite, (), problems, written)
    override(values, changes or {}, settings)
    source = Source(path, source.text, source.document, written)
    try:
        return Draft(Suite.model_validate(values), source, problems)
    except ValidationError as error:
        # pydantic calls a list too short when none of its entries is in order; those are told themselves
        found = [e for e in error.errors() if not (e["type"] == "too_short" and e["input"])]
        problems += [_problem(e) for e in found]
        return Draft(_what_is_sound(values), source, problems)


def _parse(path: Path) -> Source:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SuiteError(f"{path}: over {MAX_BYTES:,} bytes; a suite is a page")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: cannot be read: {error}") from error
    source = Source(path, text)
    try:
        refused = refusal(text)
        if refused is not None:
            raise SuiteError(source.pointed(*refused))
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise SuiteError(source.pointed(line, column, str(error.problem or error.context or "not YAML"))) from error
    except (YAMLError, ValueError) as error:
        raise SuiteError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise SuiteError(source.pointed(0, 0, "a suite is a mapping with name, algorithms, environments and seeds"))
    return Source(path, text, document)


def _corrected(
    node: Any, model: type[BaseModel] | None, at: Location, problems: list[Problem], written: dict[Location, str]
) -> Any:
    """ruamel's own containers and numbers as Python's. A key that is nearly a known one is taken for it, and reported,
    so that what stands under it is checked as well.
    """
    if isinstance(node, dict):
        found = {}
        for key, value in node.items():
            name = _known(str(key), node, model, at, problems)
            if name is None:
                continue
            if name != key:
                written[(*at, name)] = key
            inner = _MODELS.get(name) if model is not None else None
            if model is not None and name in _NAMED and isinstance(value, dict):
                entries = {str(k): (v, (*at, name, str(k))) for k, v in value.items()}
                found[name] = {
                    k: _corrected(v, _NAMED[name], where, problems, written) for k, (v, where) in entries.items()
                }
                continue
            found[name] = _corrected(value, inner, (*at, name), problems, written)
        return found
    if isinstance(node, list):
        return [_corrected(value, model, (*at, i), problems, written) for i, value in enumerate(node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _known(
    name: str, node: Mapping[Any, Any], model: type[BaseModel] | None, at: Location, problems: list[Problem]
) -> str | None:
    """The key that was meant; None if there is none like it."""
    if model is None or name in model.model_fields:
        return name
    free = [known for known in model.model_fields if known not in node]
    hint = nearest(name, free)
    said = hint or "; known here: " + ", ".join(model.model_fields)
    problems.append(Problem((*at, name), f"unknown key {name!r}{said}", at_key=True))
    return hint.split("'")[1] if hint else None


def _problem(error: Any) -> Problem:
    location = tuple(part for part in error["loc"] if part != "str")
    if error["type"] == "missing":
        return Problem(location, f"{location[-1]!r} is missing")
    names = [str(part) for part in location if isinstance(part, str)]
    return Problem(location, f"{names[-1] if names else 'the suite'}: {explain(error)}")


def _what_is_sound(values: Mapping[str, Any]) -> Suite:
    """A suite of the parts that are in order, None for entries that are not; good for finding more problems only."""
    entries: dict[str, tuple[Any, ...]] = {}
    for name in ("algorithms", "environments"):
        given = values.get(name)
        entries[name] = tuple(_entry(_MODELS[name], v) for v in given) if isinstance(given, list) else ()
    kept: dict[str, Any] = {"name": "draft", "seeds": (0,)}
    for name in ("seeds", "devices", "evaluation"):
        try:
            kept[name] = getattr(validated({name: values[name]}), name)
        except (ValidationError, KeyError):
            continue
    kept.update(entries)
    return Suite.model_construct(**kept)


def _entry(model: type[BaseModel], value: Any) -> BaseModel | None:
    try:
        return model.model_validate({"id": value} if isinstance(value, str) else value)
    except ValidationError:
        return None
