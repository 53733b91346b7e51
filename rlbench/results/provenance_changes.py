"""Differences between the provenance of a published run and of a later process that repeats the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlbench.results.stack_independence import ENTRIES


def changed_entries(result: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the entries that differ from result.json as [recorded, present], by name.

    A module is compared only if it was imported both times.
    """
    parts = [part for part in now if part != "dependencies"]
    was, is_ = (
        {f"{part}.{name}": v for part in parts for name, v in by.get(part, {}).items() if name not in ENTRIES}
        for by in (result, now)
    )
    names = [name for name in {**was, **is_} if name != "code.named_files"]  # data files are not read here
    differences = {name: [was.get(name), is_.get(name)] for name in names if was.get(name) != is_.get(name)}
    for kind, modules in now.get("dependencies", {}).items():
        before = result.get("dependencies", {}).get(kind, {})
        differences |= {name: [before[name], v] for name, v in modules.items() if before.get(name, v) != v}
    return differences
