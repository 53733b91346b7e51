"""How the provenance of a published run differs from that of a later process which repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlbench.results.stack_independence import ENTRIES


def changed_entries(result: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what differs from result.json, as [recorded, present] by name. Modules count if imported both times."""
    parts = [part for part in now if part != "dependencies"]
    was, is_ = (
        {f"{part}.{name}": v for part in parts for name, v in by.get(part, {}).items() if name not in ENTRIES}
        for by in (result, now)
    )
    names = [name for name in {**was, **is_} if name != "code.named_files"]  # files that are not read here
    differences = {name: [was.get(name), is_.get(name)] for name in names if was.get(name) != is_.get(name)}
    for kind, modules in now.get("dependencies", {}).items():
        before = result.get("dependencies", {}).get(kind, {})
        differences |= {name: [before[name], v] for name, v in modules.items() if before.get(name, v) != v}
    return differences
