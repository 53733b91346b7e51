"""Provenance of a result: the code that produced it, its numerical settings, and the machine."""

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

from rlbench.api import RunGroup
from rlbench.plugins import Plugin
from rlbench.results.code_dependencies import Dependencies, changed_modules, file_hash

PACKAGES = ("rlbench", "torch", "numpy", "gymnasium", "stable-baselines3", "envpool", "mujoco", "box2d")
# Variables that restrict libraries to some processor instructions; those that are set are recorded.
INSTRUCTIONS = ("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA")
_LONGEST_PATH = 4096


def code_identity(plugin: Plugin, group: RunGroup | None = None) -> dict[str, str]:
    """Return a plugin's distribution and version, and a hash of the data files that the group names.

    The entry `named_files` is one hash over the files that the group's parameters, keyword arguments and `data_files`
    name; it is absent if they name no file. For imported code, see `rlbench.results.code_dependencies`.
    """
    return {"distribution": plugin.distribution, "version": plugin.version} | (_named_files(group) if group else {})


def _named_files(group: RunGroup) -> dict[str, str]:
    """Hash the files that the configuration names, such as a script, initial weights or the levels of a game."""
    settings = [group.config]
    for task in reversed(group.task.training_tasks):  # the target first
        settings += [task.kwargs, *(wrapper.kwargs for wrapper in task.wrappers)]
    words = [word for text in _texts(settings) for word in _words(text)]
    words += group.data_files
    hashes = [digest for word in words if len(word) < _LONGEST_PATH and (digest := _regular_hash(word))]
    return {"named_files": hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]} if hashes else {}


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in nested lists and mappings, in their order."""
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
    except ValueError:  # an unbalanced quotation mark
        return text.split()


def _regular_hash(path: str) -> str:
    """Return the hash of a file; "" if it is not a regular file or cannot be read."""
    try:
        return file_hash(path) if stat.S_ISREG(os.stat(path).st_mode) else ""
    except (OSError, ValueError):
        return ""


# Packages of which another version may give other numbers with the same sources of rlbench.
_NUMERIC_PACKAGES = ("torch", "numpy", "gymnasium", "stable-baselines3")


def changes_since(result: Mapping[str, Any], plugin: Plugin, group: RunGroup) -> list[str]:
    """Return in words how code and settings have changed since a published result; an empty list if there is no change.

    result: the run's result.json; empty if there is none, which counts as no change. Neither torch nor a plugin is
    imported, so settings that only a worker knows, such as its CPU capability, are not compared.
    """
    if not result:
        return []
    before, now = result.get("code", {}), code_identity(plugin, group)
    messages = {
        "distribution": "another distribution",
        "version": f"version {before.get('version')}, now {now['version']}",
        "named_files": "the data files that its parameters or data_files name have changed",
    }
    if "named_files" not in now:  # relative paths may lead elsewhere from the current folder
        del messages["named_files"]
    changes = [message for name, message in messages.items() if before.get(name) != now.get(name)]
    changes += changed_sources(result.get("dependencies"), plugin)
    recorded, installed = result.get("versions", {}), versions()
    changes += [
        f"{name} {recorded[name]}, now {installed.get(name, 'absent')}"
        for name in _NUMERIC_PACKAGES
        if name in recorded and recorded[name] != installed.get(name)
    ]
    settings = result.get("numerics", {})
    kind = str(settings.get("device", "")).partition(":")[0]
    if kind and kind != group.device.partition(":")[0]:
        changes.append(f"on {kind}, now on {group.device}")
    if "compiled" in settings and settings["compiled"] != group.compile:
        changes.append("compiled, now not compiled" if settings["compiled"] else "not compiled, now compiled")
    return changes


def changed_sources(recorded: Dependencies | None, plugin: Plugin) -> list[str]:
    """Return in words which modules and distributions that a run imported have changed since."""
    if recorded is None:
        return ["produced before rlbench recorded imported code"]
    files = {plugin.name: plugin.file} if plugin.file is not None else {}
    return changed_modules(recorded, [path.parent for path in files.values()], files)


def commit(path: Path) -> str | None:
    """Return the git commit of a tracked source file, with "+" if the checkout has changes; None if not tracked."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(path.parent), *arguments]
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=20)

    try:
        if git("ls-files", "--error-unmatch", path.name).returncode:
            return None
        head = git("rev-parse", "HEAD").stdout.strip()
        return head + ("+" if git("status", "--porcelain", "--untracked-files=no").stdout else "")
    except (OSError, subprocess.TimeoutExpired):
        return None


def numerics(device: str, compiled: bool, stack_size: int) -> dict[str, Any]:
    """Return the numerical settings of this process.

    The entry stack_independence states whether the other settings allow numbers that do not depend on the stack;
    `independence` adds the evidence. Compiled single seeds agree with stacked ones only to a tolerance.
    """
    torch = sys.modules.get("torch")
    instruction_limits = {name.lower(): os.environ[name] for name in INSTRUCTIONS if os.environ.get(name)}
    return {
        "torch": torch.__version__ if torch else None,
        "cpu_capability": torch.backends.cpu.get_cpu_capability() if torch else None,
        "threads": torch.get_num_threads() if torch else 1,
        "mkl": os.environ.get("MKL_CBWR", ""),
        "device": device,
        "compiled": compiled,
        "stack_independence": "bitwise" if _is_bitwise(torch, device, compiled, stack_size) else "tolerance",
        "numpy": version("numpy"),
        "machine": platform.machine(),
        **instruction_limits,
    }


def _is_bitwise(torch: Any, device: str, compiled: bool, stack_size: int) -> bool:
    """Return whether docs/design.md promises, with these settings, numbers that are the same bits in any stack."""
    if torch is None:
        return True
    return device == "cpu" and torch.get_num_threads() == 1 and not (compiled and stack_size == 1)


@cache
def versions() -> dict[str, str]:
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


@cache
def hardware() -> dict[str, Any]:
    """Return a description of the machine."""
    import psutil  # only here, because reading results does not need it

    return {
        "cpu": _cpu_name(),
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
    }


def _cpu_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
