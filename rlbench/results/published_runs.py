"""Who published an imported run, if its authors did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

PUBLISHED = "published by"


def publication_of(results: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return the entry `published` of the first published run, given result.json of each; empty if there is none."""
    entries = (result.get("imported", {}).get("published") for result in results)
    return next((entry for entry in entries if entry), {})
