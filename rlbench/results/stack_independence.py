"""What a record may say of the promise that a run's numbers do not depend on its stack: what was tried where it ran.

The kit notes the kernels that a group uses (`rlbench.kit.kernel_choice`); each is tried once on a machine and the answer kept in
the user's cache, under everything that decides which kernel it is: processor, torch, what is set in the environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlbench.plugins import Plugin
from rlbench.results.provenance import INSTRUCTIONS, hardware
from rlbench.user_cache import cache_folder, recall, remember

# The entries of a record's numerics that say it; how numbers were computed is in the others.
ENTRIES = ("stack_independence", "independence_shown_by", "kernels_that_differ")
_IMPORTS_TORCH = re.compile(rb"^\s*(from|import)\s+(torch|rlbench\.kit)\b", re.M)
_MOST_NAMED = 20


def forget() -> None:
    """A group begins: what the last one in this process used is not its own."""
    kit = sys.modules.get("rlbench.kit")
    if kit is not None:
        kit.kernel_choice.forget()


def uses_torch(plugin: Plugin, loaded_before: bool) -> bool:
    """Whether a plugin that has just been loaded computes with torch, in a process that may have had it before."""
    if "torch" not in sys.modules:
        return False
    return not loaded_before or any(_IMPORTS_TORCH.search(path.read_bytes()) for path in plugin.sources())


def independence(numerics: Mapping[str, Any], with_torch: bool, stackable: bool) -> dict[str, Any]:
    """The record's ENTRIES, for a group that was computed in this process as `numerics` say.

    "bitwise" where it may be by how numbers were computed, and every kernel of the kit's functions gave a lane alone the
    bits it has in stacks; else "tolerance". with_torch: without it there is nothing to try. stackable: otherwise there is
    no stack to depend on.
    """
    if numerics["stack_independence"] != "bitwise":  # another device, several threads, a compiled seed alone
        return _entries("tolerance", "nothing")
    if not with_torch or not stackable:
        return _entries("bitwise", "no stack" if not stackable else "no torch")
    kit: Any = sys.modules.get("rlbench.kit")
    used = kit.kernel_choice.used() if kit is not None else []
    if not used:  # it computes with torch alone
        return _entries("tolerance", "nothing")
    differ = sorted(
        {kit.kernel_choice.in_words(use) for use, same in _tried(kit.kernel_trials, used, numerics).items() if not same}
    )
    shown = "trial" + ", of compiled graphs the rule stack_mates" * bool(numerics["compiled"])
    return _entries("tolerance" if differ else "bitwise", shown, differ)


def told(found: Mapping[str, Any], numerics: Mapping[str, Any]) -> str:
    """What the user should know; the same for all groups that are computed alike, "" if nothing."""
    if numerics["stack_independence"] != "bitwise" or found["stack_independence"] == "bitwise":
        return ""
    mode = f"MKL_CBWR={numerics['mkl'] or 'unset'}, {numerics['cpu_capability']}"
    why = f"on this processor ({mode}) kernels give a seed other last bits alone than in a stack"
    if "kernels_that_differ" not in found:
        why = "an algorithm computes with torch outside the kit, where nothing is tried"
    return f'{why}: result.json says "stack_independence": "tolerance" of such runs'


def _entries(word: str, shown_by: str, differ: Iterable[str] = ()) -> dict[str, Any]:
    named = list(differ)[:_MOST_NAMED]
    return {"stack_independence": word, "independence_shown_by": shown_by} | (
        {"kernels_that_differ": named} if named else {}
    )


def _tried(trials: Any, used: Iterable[str], numerics: Mapping[str, Any]) -> dict[str, bool]:
    """Whether each kernel gives the same bits; from the cache where it has been tried. Two processes may both try one."""
    path = cache_folder("kernels") / f"{_circumstances(trials, numerics)}.json"
    known = {use: same for use, same in (recall(path) or {}).items() if isinstance(same, bool)}
    fresh = {use: trials.same_bits(use) for use in used if use not in known}
    if fresh:
        remember(path, (recall(path) or {}) | fresh)
    return {use: fresh[use] if use in fresh else known[use] for use in used}


def _circumstances(trials: Any, numerics: Mapping[str, Any]) -> str:
    """A hash of all that decides which kernel an operation is, and of how it is tried."""
    entries = {name: numerics[name] for name in ("torch", "cpu_capability", "threads", "mkl", "machine")}
    environment = {name: os.environ.get(name, "") for name in INSTRUCTIONS}
    parts = [entries, environment, hardware()["cpu"], _flags(), Path(trials.__file__).read_text()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _flags() -> str:
    """What the processor can do, as Linux says it; "" elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
