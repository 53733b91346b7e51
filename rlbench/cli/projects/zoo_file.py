"""A file of hyperparameters of rl-baselines3-zoo: an entry for each environment, found by its id and read as plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import SuiteError
from rlbench.messages import nearest
from rlbench.suites.loader import parse
from rlbench.suites.source_location import Location, Problem, Source

_MOST_NAMED = 12
_VERSION = re.compile(r"(.+)-v(\d+)")


@dataclass(frozen=True)
class ZooEntry:
    """What a file says of one environment. name: the entry's own, of another version of the environment perhaps."""

    source: Source
    name: str
    environment: str
    values: Mapping[str, Any]

    def at(self, key: str) -> Location:
        """Where a key stands: in the entry, or in the one that it takes the rest from (`<<: *defaults`)."""
        return _place(self.source.document, self.name, key)

    def refusal(self, problems: Sequence[tuple[str, str]]) -> SuiteError:
        """The error that says what is wrong with keys of the entry, each with its place."""
        found = [Problem(self.at(key), message) for key, message in problems]
        return SuiteError(self.source.describe(found))


def read_zoo(path: Path) -> Source:
    """Raises: SuiteError for a file that is no mapping in YAML."""
    return parse(path, "a file of hyperparameters", "an entry for each environment")


def entry_of(source: Source, environment: str) -> ZooEntry:
    """The entry of an environment, or of another version of it. Raises: SuiteError where there is none, or it is no mapping."""
    name = _name_of(source, environment)
    values = source.document[name]
    if not isinstance(values, dict):
        raise SuiteError(source.describe([Problem((name,), f"{name}: should be a mapping of hyperparameters")]))
    return ZooEntry(source, name, environment, {str(key): plain_value(value) for key, value in values.items()})


def _name_of(source: Source, environment: str) -> str:
    wanted = environment.rpartition(":")[2]
    if wanted in source.document:
        return wanted
    base = _VERSION.fullmatch(wanted)
    versions = {
        int(found[2]): name
        for name in map(str, source.document)
        if base and (found := _VERSION.fullmatch(name)) and found[1] == base[1]
    }
    if versions:
        return versions[max(versions)]
    names = [str(name) for name in source.document]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    known = nearest(wanted, names) or f"; it has {', '.join(names[:_MOST_NAMED])}{more}"
    pixels = (
        "; its atari is for games seen as pixels, which no algorithm here takes" if wanted.startswith("ALE/") else ""
    )
    raise SuiteError(f"{source.path}: no entry for {wanted}{pixels or known}")


def plain_value(node: Any) -> Any:
    """ruamel's own containers and numbers as Python's."""
    if isinstance(node, dict):
        return {str(key): plain_value(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [plain_value(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _place(document: Any, name: str, key: str) -> Location:
    entry = document[name]
    if key in (entry.lc.data or {}):
        return name, key
    for given in getattr(entry, "merge", None) or ():
        for other, values in document.items():
            if values is given and key in values:
                return _place(document, other, key)
    return (name,)
