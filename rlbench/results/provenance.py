"""What stands beside a result: the code that made it, how its numbers were computed, and on what machine."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from rlbench.api import RunGroup
from rlbench.plugins import Plugin
from rlbench.results.code_dependencies import Recorded, changed_modules, file_hash

PACKAGES = ("rlbench", "torch", "numpy", "gymnasium", "stable-baselines3", "envpool", "mujoco", "box2d")
# Instructions that a user keeps libraries to; whichever is set is recorded.
INSTRUCTIONS = ("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA")
_LONGEST_PATH = 4096


def code_identity(plugin: Plugin, group: RunGroup | None = None) -> dict[str, str]:
    """Return a plugin's distribution and version; named_files, where there are some: one hash over the files that the
    group's parameters, keyword arguments and `data_files` name. What was imported is in `rlbench.results.code_dependencies`.
    """
    return {"distribution": plugin.distribution, "version": plugin.version} | (_named_files(group) if group else {})


def _named_files(group: RunGroup) -> dict[str, str]:
    """Hash the files that words of the configuration name: a script, say, weights to begin with, or levels of a game."""
    given = [group.config, group.task.kwargs, *(wrapper.kwargs for wrapper in group.task.wrappers)]
    words = [word for text in _texts(given) for word in _words(text)]
    words += group.data_files
    hashes = [found for word in words if len(word) < _LONGEST_PATH and (found := _regular_hash(word))]
    return {"named_files": hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]} if hashes else {}


def _texts(value: Any) -> Iterator[str]:
    """Every text in nested lists and mappings, in their order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark of another meaning
        return text.split()


def _regular_hash(path: str) -> str:
    """Return a file's hash; "" if it is none, or cannot be read."""
    try:
        return file_hash(path) if stat.S_ISREG(os.stat(path).st_mode) else ""
    except (OSError, ValueError):
        return ""


# Packages whose version changes numbers without any source of ours changing.
_NUMERIC_PACKAGES = ("torch", "numpy", "gymnasium", "stable-baselines3")


def changes(result: Mapping[str, Any], plugin: Plugin, group: RunGroup) -> list[str]:
    """Say how a published result was made otherwise than it would be made now; empty if it was not, or is none.

    Asked without importing torch or a plugin, so what only a running worker knows (its CPU capability, say) is left out.
    """
    if not result:
        return []
    before, now = result.get("code", {}), code_identity(plugin, group)
    said = {
        "distribution": "another distribution",
        "version": f"version {before.get('version')}, now {now['version']}",
        "named_files": "another content of data files that its parameters or data_files name, or others of them",
    }
    if "named_files" not in now:  # they may lie elsewhere, seen from here
        del said["named_files"]
    found = [text for name, text in said.items() if before.get(name) != now.get(name)]
    found += changed_sources(result.get("dependencies"), plugin)
    was, have = result.get("versions", {}), versions()
    found += [
        f"{name} {was[name]}, now {have.get(name, 'absent')}"
        for name in _NUMERIC_PACKAGES
        if name in was and was[name] != have.get(name)
    ]
    how = result.get("numerics", {})
    kind = str(how.get("device", "")).partition(":")[0]
    if kind and kind != group.device.partition(":")[0]:
        found.append(f"on {kind}, now on {group.device}")
    if "compiled" in how and how["compiled"] != group.compile:
        found.append("compiled, now not" if how["compiled"] else "not compiled, now it is")
    return found


def changed_sources(recorded: Recorded | None, plugin: Plugin) -> list[str]:
    """Say which modules and distributions that a run imported are others now."""
    if recorded is None:
        return ["made before rlbench recorded what a run imports"]
    files = {plugin.name: plugin.file} if plugin.file is not None else {}
    return changed_modules(recorded, [path.parent for path in files.values()], files)


def commit(path: Path) -> str | None:
    """The git commit of a tracked source file, with "+" where the checkout has changes; None if there is none."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", "-C", str(path.parent), *arguments], capture_output=True, text=True, timeout=20)

    try:
        if git("ls-files", "--error-unmatch", path.name).returncode:
            return None
        head = git("rev-parse", "HEAD").stdout.strip()
        return head + ("+" if git("status", "--porcelain", "--untracked-files=no").stdout else "")
    except (OSError, subprocess.TimeoutExpired):
        return None


def numerics(device: str, compiled: bool, stack_size: int) -> dict[str, Any]:
    """How numbers are computed in this process, and whether a run's may be independent of its stack if they are
    (`independence` says whether it was seen): compiled single seeds agree with stacked ones to a tolerance only.
    """
    torch = sys.modules.get("torch")
    chosen = {name.lower(): os.environ[name] for name in INSTRUCTIONS if os.environ.get(name)}
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
        **chosen,
    }


def _bitwise(torch: Any, device: str, compiled: bool, stack_size: int) -> bool:
    """Whether the promise of docs/design.md holds for numbers computed like this."""
    if torch is None:
        return True
    return device == "cpu" and torch.get_num_threads() == 1 and not (compiled and stack_size == 1)


@cache
def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
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
