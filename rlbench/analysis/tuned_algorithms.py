"""Algorithms of a suite that are left at their default hyperparameters while others are not.

If one algorithm's hyperparameters were chosen for the task and another's were not, a comparison measures that choice as
much as the algorithms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlbench.results.random_policy import is_random


def left_at_defaults(suite: Mapping[str, Any]) -> list[str]:
    """Return the learners of a suite (as in suite.json) that set no hyperparameters, or [] if no learner sets any."""
    is_tuned: dict[str, bool] = {}
    for entry in suite.get("algorithms", ()):
        name = str(entry.get("label") or entry["id"])
        if not is_random(str(entry["id"])) and not str(entry["id"]).startswith("imported/"):
            is_tuned[name] = any(entry.get(part) for part in ("params", "per_environment", "sweep"))
    return [name for name, tuned in is_tuned.items() if not tuned] if any(is_tuned.values()) else []
