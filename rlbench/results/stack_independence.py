"""Evidence that a run's numbers do not depend on its stack, from trials on the machine that computed them.

The kit records which kernels a group uses (`rlbench.kit.kernel_choice`). Each kernel is tried once on each machine. The
answer is kept in the user's cache, keyed by everything that selects the kernel: the processor, torch and environment
variables.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rlbench.plugins import Plugin
from rlbench.results.provenance import INSTRUCTIONS, hardware
from rlbench.user_cache import cache_folder, recall, remember

# The entries of `numerics` in result.json that state this evidence; its other entries state how numbers were computed.
ENTRIES = ("stack_independence", "independence_shown_by", "kernels_that_differ")
# The modules of the kit that algorithms without networks use. They import torch only in functions that get tensors.
WITHOUT_TORCH = ("action_bounds", "action_masks", "action_noise", "agents", "q_tables", "schedules", "update_rounds")
_NO_TORCH = tuple(f"rlbench.kit.{module}." for module in WITHOUT_TORCH)
_MOST_NAMED = 20


def forget_kernels() -> None:
    """Clear the recorded kernels before a new group: it need not use those of the last group in this process."""
    kernel_choice = _kernel_choice()
    if kernel_choice is not None:
        kernel_choice.forget()


def _kernel_choice() -> Any:
    """Return the module rlbench.kit.kernel_choice if it is loaded, else None. Importing it would import torch."""
    kit = sys.modules.get("rlbench.kit")
    return vars(kit).get("kernel_choice") if kit is not None else None


def uses_torch(plugin: Plugin, loaded_before: bool) -> bool:
    """Return whether a newly loaded plugin computes with torch. Call this at the end of its group.

    loaded_before: whether torch was loaded before the plugin; if so, the recorded kernels and the imports in the
    plugin's sources decide. They do not show torch that another package uses for the plugin without the kit.
    """
    if "torch" not in sys.modules:
        return False
    return not loaded_before or bool(_recorded()) or any(map(_imports_torch, plugin.sources()))


def _recorded() -> list[str]:
    """Return the kernels recorded for this group."""
    kernel_choice = _kernel_choice()
    return kernel_choice.operations() if kernel_choice is not None else []


def _imports_torch(path: Path) -> bool:
    """Return whether a Python file imports torch, or modules of the kit that are not in WITHOUT_TORCH."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # the plugin has not imported this file
        return False
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [f"{alias.name}." for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names += [f"{node.module}.{alias.name}." for alias in node.names]
    return any(name.startswith(("torch.", "rlbench.kit.")) and not name.startswith(_NO_TORCH) for name in names)


def independence(numerics: Mapping[str, Any], with_torch: bool, stackable: bool) -> dict[str, Any]:
    """Return the ENTRIES for the group that this process trained. numerics: its numerical settings.

    stack_independence is "bitwise" if `numerics` allows it and every kernel of the kit's functions gave a lane alone
    the same bits as in a stack; otherwise it is "tolerance". with_torch, stackable: whether the algorithm computes with
    torch and can be stacked; if not, there is nothing to try.
    """
    if numerics["stack_independence"] != "bitwise":  # another device, several threads, a compiled seed alone
        return _entries("tolerance", "nothing")
    if not with_torch or not stackable:
        return _entries("bitwise", "no stack" if not stackable else "no torch")
    kit: Any = sys.modules.get("rlbench.kit")
    used = _recorded()
    if not used:  # the algorithm uses torch without the kit
        return _entries("tolerance", "nothing")
    trial_results = _try_kernels(kit.kernel_trials, used, numerics)
    differing = sorted({kit.kernel_choice.summary(use) for use, same in trial_results.items() if not same})
    evidence = "trial" + ", of compiled graphs the rule stack_mates" * bool(numerics["compiled"])
    return _entries("tolerance" if differing else "bitwise", evidence, differing)


def independence_warning(entries: Mapping[str, Any], numerics: Mapping[str, Any]) -> str:
    """Return a warning for the user; "" if there is none. Groups with equal settings give the same warning.

    entries: the answer of `independence`.
    """
    if numerics["stack_independence"] != "bitwise" or entries["stack_independence"] == "bitwise":
        return ""
    mode = f"MKL_CBWR={numerics['mkl'] or 'unset'}, {numerics['cpu_capability']}"
    reason = f"on this processor ({mode}) kernels give a seed different last bits alone and in a stack"
    if "kernels_that_differ" not in entries:
        reason = "an algorithm uses torch outside the kit, where kernels are not tried"
    return f'{reason}: result.json records "stack_independence": "tolerance" for such runs'


def _entries(agreement: str, evidence: str, differing: Iterable[str] = ()) -> dict[str, Any]:
    kernels = list(differing)[:_MOST_NAMED]
    return {"stack_independence": agreement, "independence_shown_by": evidence} | (
        {"kernels_that_differ": kernels} if kernels else {}
    )


def _try_kernels(trials: Any, used: Iterable[str], numerics: Mapping[str, Any]) -> dict[str, bool]:
    """Return for each kernel whether a lane alone gets the same bits as in a stack, from the cache or from a trial."""
    path = cache_folder("kernels") / f"{_cache_key(trials, numerics)}.json"
    cached = {use: same for use, same in (recall(path) or {}).items() if isinstance(same, bool)}
    fresh = {use: trials.same_bits(use) for use in used if use not in cached}
    if fresh:
        remember(path, (recall(path) or {}) | fresh)
    return {use: fresh[use] if use in fresh else cached[use] for use in used}


def _cache_key(trials: Any, numerics: Mapping[str, Any]) -> str:
    """Return a hash of everything that selects the kernel of an operation, and of the code of the trials."""
    entries = {name: numerics[name] for name in ("torch", "cpu_capability", "threads", "mkl", "machine")}
    environment = {name: os.environ.get(name, "") for name in INSTRUCTIONS}
    parts = [entries, environment, hardware()["cpu"], _flags(), Path(trials.__file__).read_text("utf-8")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _flags() -> str:
    """Return the processor's feature flags as Linux lists them; "" on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")
