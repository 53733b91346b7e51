"""Which algorithms of a suite were given hyperparameters, and which were left at their library's defaults.

Numbers that were chosen for a task, held against defaults that were not, say as much of the choosing as of the algorithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlbench.results.random_policy import is_random


def left_at_defaults(suite: Mapping[str, Any]) -> list[str]:
    """Name the learners of a suite (as in suite.json) without any hyperparameter of their own, where others have some."""
    given: dict[str, bool] = {}
    for entry in suite.get("algorithms", ()):
        name = str(entry.get("label") or entry["id"])
        if not is_random(str(entry["id"])) and not str(entry["id"]).startswith("imported/"):
            given[name] = any(entry.get(part) for part in ("params", "per_environment", "sweep"))
    return [name for name, some in given.items() if not some] if any(given.values()) else []
