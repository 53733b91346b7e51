"""What stands beside a result: the code that made it, how its numbers were computed, and on what machine."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from rlbench.plugins import Plugin

PACKAGES = ("rlbench", "torch", "numpy", "gymnasium", "stable-baselines3", "mujoco", "box2d")
# What a run's numbers depend on beside its plugin.
_NUMERIC_SOURCES = ("kit", "envs", "runtime", "seeding.py")


@cache
def _core_hash() -> str:
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for name in _NUMERIC_SOURCES:
        for path in sorted((root / name).rglob("*.py")) or [root / name]:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def code_identity(plugin: Plugin) -> dict[str, str]:
    """Distribution, version and hashes of the sources that a run's numbers come from."""
    return {"distribution": plugin.distribution, "version": plugin.version, "plugin_sources": plugin.source_hash(), "core_sources": _core_hash()}


def numerics(device: str, compiled: bool, stack_size: int) -> dict[str, Any]:
    """How numbers are computed in this process. compiled single seeds agree with stacked ones to a tolerance only."""
    torch = sys.modules.get("torch")
    return {
        "torch": torch.__version__ if torch else None,
        "cpu_capability": torch.backends.cpu.get_cpu_capability() if torch else None,
        "threads": torch.get_num_threads() if torch else 1,
        "mkl": os.environ.get("MKL_CBWR", ""),
        "device": device,
        "compiled": compiled,
        "stack_independence": "bitwise" if _bitwise(torch, device, compiled, stack_size) else "tolerance",
        "numpy": version("numpy"),
        "machine": platform.machine(),
    }


def _bitwise(torch: Any, device: str, compiled: bool, stack_size: int) -> bool:
    """Whether the promise of docs/design.md holds for numbers computed like this."""
    if torch is None:
        return True
    strict = torch.get_num_threads() == 1 and os.environ.get("MKL_CBWR") == "AUTO,STRICT"
    return device == "cpu" and strict and not (compiled and stack_size == 1)


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """The machine, in words and numbers."""
    return {
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
    }


def _cpu_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
