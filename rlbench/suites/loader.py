"""Reader of suite files (YAML 1.2), which reports all problems of form at once, each with its location."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from rlbench.api import SuiteError
from rlbench.messages import explain, nearest
from rlbench.suites.cluster_models import RayEntry, SlurmEntry
from rlbench.suites.curriculum_models import UNTIL, CurriculumEntry, CurriculumTaskEntry, StageEntry, UntilEntry
from rlbench.suites.overrides import override, validate_keys
from rlbench.suites.source_location import Location, Problem, Source
from rlbench.suites.suite_models import (
    AlgorithmEntry,
    AnchorsEntry,
    BudgetEntry,
    EnvironmentEntry,
    EvaluationEntry,
    Suite,
)
from rlbench.suites.tune_models import DistributionEntry, TuneEntry
from rlbench.suites.tuned_models import TunedEntry
from rlbench.suites.wrapper_models import WrapperEntry
from rlbench.suites.yaml_limits import MAX_BYTES, refusal

_MODELS: dict[str, type[BaseModel]] = {
    "algorithms": AlgorithmEntry,
    "anchors": AnchorsEntry,
    "curriculum": CurriculumEntry,
    "stages": StageEntry,
    "tasks": CurriculumTaskEntry,
    "until": UntilEntry,
    "environments": EnvironmentEntry,
    "evaluation": EvaluationEntry,
    "wrappers": WrapperEntry,
    "slurm": SlurmEntry,
    "ray": RayEntry,
    "tune": TuneEntry,
    "tuned": TunedEntry,
}
_OTHER_BYTE = re.compile("[\udc80-\udcff]")  # what `surrogateescape` makes of a byte that is not UTF-8
# Words that users write for a key that is spelled quite differently.
_MEANT = {"reward": "return", "score": "return"} | dict.fromkeys(("min", "max", "low", "high"), "uniform")
_EXAMPLES = {"until": UNTIL}  # examples of keys that are often left out
# Keys whose values map names to entries: the model of an entry, and how many names, one in another, lead to it.
_NAMED: dict[str, tuple[type[BaseModel], int]] = {"per_algorithm": (BudgetEntry, 1), "space": (DistributionEntry, 2)}


@dataclass
class LoadedSuite:
    """A suite as far as it could be read. If there are `problems`, invalid entries are None in `suite`."""

    suite: Suite
    source: Source
    problems: list[Problem] = field(default_factory=list)

    def valid_suite(self) -> Suite:
        """Return the suite. Raises: SuiteError with every problem of form."""
        if self.problems:
            raise SuiteError(self.source.describe(self.problems))
        return self.suite


def find_suite(name: str) -> Path:
    """Return the path of a suite, given its file or the name of a built-in suite. Raises: SuiteError if unknown."""
    path = Path(name)
    if path.is_file():
        return path
    known = builtin_suites()
    if name in known:
        return known[name]
    hint = nearest(name, known)
    raise SuiteError(f"no suite {name!r}: not a file, and the built-in suites are {', '.join(known)}{hint}")


def builtin_suites() -> dict[str, Path]:
    """Return the built-in suites by name. In a checkout they are in the folder beside the package."""
    folders = (Path(str(importlib.resources.files("rlbench.suites"))) / "builtin", Path(__file__).parents[2] / "suites")
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def load_suite(path: Path) -> Suite:
    """Read a suite and check its form. Raises: SuiteError with every problem."""
    return read_suite(path).valid_suite()


def read_suite(path: Path, changes: Mapping[str, Any] | None = None, settings: Sequence[str] = ()) -> LoadedSuite:
    """Read a suite together with its problems of form, so that they can be reported along with later problems.

    changes: top-level keys that replace those of the file. settings: hyperparameters that replace those of the file,
    such as "dqn.learning_rate=1e-3", where dqn is an algorithm's label or id.
    Raises: SuiteError if the file is not a YAML mapping or a change is wrong.
    """
    source = parse(path)
    problems: list[Problem] = []
    spellings: dict[Location, str] = {}
    values = _convert(source.document, Suite, (), problems, spellings)
    override(values, changes or {}, settings)
    source = Source(path, source.text, source.document, spellings)
    try:
        return LoadedSuite(Suite.model_validate(values), source, problems)
    except ValidationError as error:
        # pydantic also calls a list too short if all its entries are wrong, although it reports each of them
        errors = [e for e in error.errors() if not (e["type"] == "too_short" and e["input"])]
        # an unknown key was probably meant to be the key that its mapping lacks
        unknown = {problem.location[:-1] for problem in problems if problem.at_key}
        errors = [e for e in errors if not (e["type"] == "lacking" and e["loc"] in unknown)]
        problems += [_problem(e) for e in errors]
        return LoadedSuite(_partial_suite(values), source, problems)


def parse(path: Path, what: str = "a suite", keys: str = "name, algorithms, environments and seeds") -> Source:
    """Read a mapping from a YAML file of limited size.

    what, keys: in messages, the name of such a mapping and the keys that it should have.
    Raises: SuiteError, with line and column if they are known.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SuiteError(f"{path}: over {MAX_BYTES:,} bytes, the largest size of {what}")
        text = path.read_text("utf-8", errors="surrogateescape")  # invalid bytes are refused below, with their place
    except OSError as error:
        raise SuiteError(f"{path}: cannot be read: {error.strerror}") from error
    source = Source(path, _OTHER_BYTE.sub("\ufffd", text))
    try:
        reason = refusal(text)
        if reason is not None:
            raise SuiteError(source.point_at(*reason))
        document = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        raise SuiteError(source.point_at(line, column, str(error.problem or error.context or "not YAML"))) from error
    except ReaderError as error:
        before = text[: error.position].split("\n")
        message = f"the character U+{error.character:04X} is not allowed; remove it"
        if _OTHER_BYTE.match(chr(error.character)):
            message = f"the byte 0x{error.character - 0xDC00:02x} is not UTF-8; save the file as UTF-8"
        raise SuiteError(source.point_at(len(before) - 1, len(before[-1]), message)) from error
    except (YAMLError, ValueError) as error:
        raise SuiteError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise SuiteError(source.point_at(0, 0, f"{what} should be a mapping with {keys}"))
    return Source(path, text, document)


def _convert(
    node: Any, model: type[BaseModel] | None, at: Location, problems: list[Problem], spellings: dict[Location, str]
) -> Any:
    """Convert ruamel's containers and numbers to Python's own, and correct misspelled keys.

    A misspelled key is reported and treated as the known key it resembles, so that its value is checked as well.
    spellings: receives the file's spelling of each corrected key.
    """
    if isinstance(node, dict):
        values = {}
        for key, value in node.items():
            name = _known_key(str(key), node, model, at, problems)
            if name is None:
                continue
            if name != key:
                spellings[(*at, name)] = key
            inner = _MODELS.get(name) if model is not None else None
            if model is not None and name in _NAMED:
                values[name] = _convert_named(value, *_NAMED[name], (*at, name), problems, spellings)
                continue
            values[name] = _convert(value, inner, (*at, name), problems, spellings)
        return values
    if isinstance(node, list):
        return [_convert(value, model, (*at, i), problems, spellings) for i, value in enumerate(node)]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _convert_named(
    node: Any,
    model: type[BaseModel],
    depth: int,
    at: Location,
    problems: list[Problem],
    spellings: dict[Location, str],
) -> Any:
    """Convert a mapping in which `depth` names lead to each entry."""
    if depth == 0 or not isinstance(node, dict):
        return _convert(node, model if depth == 0 else None, at, problems, spellings)
    return {
        str(name): _convert_named(value, model, depth - 1, (*at, str(name)), problems, spellings)
        for name, value in node.items()
    }


def _known_key(
    name: str, node: Mapping[Any, Any], model: type[BaseModel] | None, at: Location, problems: list[Problem]
) -> str | None:
    """Return the known key that `name` is or resembles; None if it resembles none."""
    known_keys = [] if model is None else [field.alias or key for key, field in model.model_fields.items()]
    if model is None or name in known_keys:
        return name
    unused = [known for known in known_keys if known not in node]
    hint = nearest(_MEANT[name] if _MEANT.get(name) in unused else name, unused)
    advice = hint or "; known keys: " + ", ".join(known_keys)
    problems.append(Problem((*at, name), f"unknown key {name!r}{advice}", at_key=True))
    return hint.split("'")[1] if hint else None


def _problem(error: Any) -> Problem:
    location = tuple(part for part in error["loc"] if part != "str")
    if error["type"] == "missing":
        example = _EXAMPLES.get(str(location[-1]))
        return Problem(location, f"{location[-1]!r} is missing" + (f"; write {example}" if example else ""))
    names = [str(part) for part in location if isinstance(part, str)]
    return Problem(location, f"{names[-1] if names else 'the suite'}: {explain(error)}")


def _partial_suite(values: Mapping[str, Any]) -> Suite:
    """Return a suite of the valid parts, with None for invalid entries. It is used only to find more problems."""
    entries: dict[str, tuple[Any, ...]] = {}
    for name in ("algorithms", "environments"):
        items = values.get(name)
        entries[name] = tuple(_entry(_MODELS[name], item) for item in items) if isinstance(items, list) else ()
    parts: dict[str, Any] = {"name": "draft", "seeds": (0,)}
    for name in ("seeds", "devices", "evaluation", "register", "tune"):
        try:
            valid = validate_keys({name: values[name]})
            parts[name] = valid.registrations if name == "register" else getattr(valid, name)
        except (ValidationError, KeyError):
            continue
    parts.update(entries)
    return Suite.model_construct(**parts)


def _entry(model: type[BaseModel], value: Any) -> BaseModel | None:
    try:
        return model.model_validate({"id": value} if isinstance(value, str) else value)
    except ValidationError:
        return None
