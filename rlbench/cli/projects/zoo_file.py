"""Read a hyperparameter file of rl-baselines3-zoo, which has an entry for each environment, as plain values."""

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

_MAX_LISTED = 12
_VERSION = re.compile(r"(.+)-v(\d+)")


@dataclass(frozen=True)
class ZooEntry:
    """A file's entry for one environment. name: the entry's name, which may be another version of `environment`."""

    source: Source
    name: str
    environment: str
    values: Mapping[str, Any]

    def at(self, key: str) -> Location:
        """Return the place of a key in the file: in the entry, or in an entry that it merges (`<<: *defaults`)."""
        return _place(self.source.document, self.name, key)

    def refusal(self, problems: Sequence[tuple[str, str]]) -> SuiteError:
        """Return an error that lists the problems, each a (key, message), with the places of their keys in the file."""
        return SuiteError(self.source.describe([Problem(self.at(key), message) for key, message in problems]))


def read_zoo(path: Path) -> Source:
    """Parse a file. Raises: SuiteError for a file that is not a YAML mapping."""
    return parse(path, "a file of hyperparameters", "an entry for each environment")


def entry_of(source: Source, environment: str) -> ZooEntry:
    """Return the entry of an environment; without one, the entry of the environment's newest version in the file.

    Raises: SuiteError if the file has no such entry, or if the entry is not a mapping.
    """
    name = _name_of(source, environment)
    values = source.document[name]
    if not isinstance(values, dict):
        raise SuiteError(source.describe([Problem((name,), f"{name}: should be a mapping of hyperparameters")]))
    return ZooEntry(source, name, environment, {str(key): plain_value(value) for key, value in values.items()})


def _name_of(source: Source, environment: str) -> str:
    env_id = environment.rpartition(":")[2]
    if env_id in source.document:
        return env_id
    base = _VERSION.fullmatch(env_id)
    versions = {
        int(match[2]): name
        for name in map(str, source.document)
        if base and (match := _VERSION.fullmatch(name)) and match[1] == base[1]
    }
    if versions:
        return versions[max(versions)]
    names = [str(name) for name in source.document]
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    known = nearest(env_id, names) or f"; it has {', '.join(names[:_MAX_LISTED])}{more}"
    pixels = (
        "; its entry atari is for pixel observations, which --from-zoo does not translate"
        if env_id.startswith("ALE/")
        else ""
    )
    raise SuiteError(f"{source.path}: no entry for {env_id}{pixels or known}")


def plain_value(node: Any) -> Any:
    """Convert the containers and numbers of ruamel.yaml into plain Python values."""
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
    for merged in getattr(entry, "merge", None) or ():
        for other, values in document.items():
            if values is merged and key in values:
                return _place(document, other, key)
    return (name,)
