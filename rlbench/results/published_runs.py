"""The project that published an imported run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PUBLISHED = "published by"


def publication_of(results: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return the first entry `published` among the result.json of runs; an empty mapping if no run has one."""
    entries = (result.get("imported", {}).get("published") for result in results)
    return next((entry for entry in entries if entry), {})
