"""Parameter names of other libraries, and defaults that differ from Stable-Baselines3's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from generating.markdown import code, literal, table
from rlbench.cli.projects.sb3_defaults import ALWAYS, sb3_defaults
from rlbench.plugins import load_plugins, resolve
from rlbench.plugins.parameter_names import CLEANRL, OLD, ZOO, Word


def cleanrl() -> str:
    return table(
        ("CleanRL", "here"), [(code(name.replace("_", "-")), meanings(words)) for name, words in CLEANRL.items()]
    )


def zoo() -> str:
    return table(("zoo, Stable-Baselines3", "here"), [(code(name), meanings(words[:1])) for name, words in ZOO.items()])


def version_01() -> str:
    return table(("version 0.1", "now"), [(code(name), meanings(words)) for name, words in OLD.items()])


def meanings(words: Sequence[Word]) -> str:
    """Return the distinct meanings of a name."""
    parts = [literal(word.advice) if word.advice else code(word.here) for word in words]
    return "; or ".join(dict.fromkeys(parts))


def defaults() -> str | None:
    """Return a table of the differing defaults, or None if Stable-Baselines3 is not installed."""
    plugins, rows = load_plugins(), []
    for name, resolved in zip(ALWAYS, resolve(plugins, [(name, None) for name in ALWAYS])):
        if isinstance(resolved, Exception):
            raise resolved
        theirs = sb3_defaults(plugins, resolved)
        if not theirs:
            return None
        rows += [(name, code(key), value(own), value(other)) for key, own, other in differing(resolved.schema, theirs)]
    return table(("algorithm", "parameter", "rlbench", "Stable-Baselines3"), rows)


def differing(schema: Sequence[Mapping[str, Any]], theirs: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    entries = [(entry["name"], entry["default"]) for entry in schema if entry["name"] in theirs]
    return [(name, own, theirs[name]) for name, own in entries if own != theirs[name]]


def value(given: Any) -> str:
    """Return a value as written in a suite."""
    return code(given if isinstance(given, str) else json.dumps(given))
