"""Tools to test algorithms: the rules of `rlbench test-plugin`, training in memory, and environments with known values.

Each name is imported at its first use, so a process that only steps one of the environments does not need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.testing.group_training import Played, play
    from rlbench.testing.pytest_rules import RULES, check

__all__ = ["RULES", "Played", "check", "play"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        module = "group_training" if name in ("Played", "play") else "pytest_rules"
        return getattr(importlib.import_module(f"rlbench.testing.{module}"), name)
    raise AttributeError(f"module 'rlbench.testing' has no attribute {name!r}")
