"""For tests of algorithms, ours or a stranger's: playing a group in memory, and environments with known answers.

`play` is loaded when first used, so that a process which only steps one of the environments needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.testing.playing import Played, play

__all__ = ["Played", "play"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("rlbench.testing.playing"), name)
    raise AttributeError(f"module 'rlbench.testing' has no attribute {name!r}")
