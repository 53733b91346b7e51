"""Checkup of this machine: whether it has what training, publishing and printing need. No result folder is examined."""

from __future__ import annotations

import locale
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from rlbench.maintenance.findings import Finding, note, ok, to_do
from rlbench.maintenance.torch_checkup import examine_torch
from rlbench.plugins import Plugins
from rlbench.plugins.survey import survey
from rlbench.suites.grouping import has_compiler
from rlbench.suites.memory_limit import memory_limit
from rlbench.text import data_size, join_names, plural
from rlbench.user_cache import cache_folder

LOW_DISK = LOW_MEMORY = 1e9  # bytes
LOW_INODES = 10_000
# Open files in the process that starts workers: of each worker (rounded up), and of Python and its libraries.
FILES_OF_A_WORKER, OTHER_FILES = 10, 100
_NOT_INSTALLED = "is not installed: pip install"
PRINTED = "–…−×·≤≥→±δ“”"  # characters that rlbench prints beyond ASCII


def examine_machine(results: Path, plugins: Plugins) -> Iterator[Finding]:
    """Yield the findings, those that take long to find last. results: the folder that contains result folders."""
    from rlbench import __version__

    yield ok("Python", f"{platform.python_version()}, with rlbench {__version__}")
    yield _threads()
    yield _open_files()
    yield _memory()
    yield from examine_place("results", results, "choose another folder with -o or RLBENCH_RESULTS")
    yield from examine_place("cache", cache_folder(""), "choose another folder with RLBENCH_CACHE")
    yield from examine_place("temporary folder", Path(tempfile.gettempdir()), "choose another folder with TMPDIR")
    yield from _compiling()
    yield from _printing()
    yield from examine_torch()
    yield from _plugins(plugins)


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads() -> Finding:
    cores, all_cores = usable_cores(), psutil.cpu_count() or 1
    of = f" of {all_cores}" if cores < all_cores else ""
    return ok("threads", f"{cores}{of} cores to use; each group trains on one thread, so {cores} groups at a time")


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = OTHER_FILES + FILES_OF_A_WORKER * usable_cores()
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = "" if hard == resource.RLIM_INFINITY or hard >= needed else f" (the system allows {hard:,} at most)"
        what = f"a process may open {soft:,} files, and {usable_cores()} groups at a time may need {needed:,}"
        return to_do("open files", what, f"run `ulimit -n {max(needed, 4096)}` first{most}, or train fewer with -j")
    shown = "any number of" if soft == resource.RLIM_INFINITY else f"{soft:,}"
    return ok("open files", f"a process may open {shown} files (`ulimit -n`)")


def _memory() -> Finding:
    memory, limit = psutil.virtual_memory(), memory_limit()
    what = f"{data_size(memory.available)} free of {data_size(memory.total)}; replay buffers of a suite may take "
    what += data_size(limit)
    if memory.available < LOW_MEMORY:
        return to_do("memory", what, "end other programs, or train fewer groups at a time with -j")
    return ok("memory", what)


def examine_place(name: str, folder: Path, other: str) -> Iterator[Finding]:
    """Yield whether a folder can be written or made, and how much space is free there.

    other: how to choose another folder.
    """
    place = nearest_existing(folder)
    shown = str(folder) if place == folder.absolute() else f"{folder}, which does not exist yet"
    try:
        tempfile.TemporaryFile(dir=place).close()  # permission bits do not tell: root may write everywhere
    except OSError as error:
        yield to_do(name, f"{shown}, cannot be written: {error.strerror}", other)
        return
    yield from examine_space(name, place, shown, f"free some (`rlbench gc`), or {other}")


def examine_space(name: str, place: Path, shown: str, advice: str) -> Iterator[Finding]:
    """Yield how much space is free in an existing folder. shown: the folder in words."""
    system = os.statvfs(place)
    free = system.f_bavail * system.f_frsize
    what = f"{data_size(free)} free in {shown}"
    if free < LOW_DISK:
        yield to_do(name, what, advice)
    elif system.f_files and system.f_favail < LOW_INODES:  # some file systems have no limit and report 0
        yield to_do(name, f"{system.f_favail:,} more files can be made in {shown}", advice)
    else:
        yield ok(name, what)


def nearest_existing(folder: Path) -> Path:
    """Return the folder, or the innermost of its parents that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def _compiling() -> Iterator[Finding]:
    if not has_compiler():
        yield note("compiler", "there is no C++ compiler, so `compile: auto` compiles no run", "install g++ or set CXX")
    elif os.statvfs(nearest_existing(cache_folder("compiled"))).f_flag & getattr(os, "ST_NOEXEC", 0):
        what = f"{cache_folder('compiled')} is on a file system from which nothing can be run, so compiling fails"
        yield to_do("compiler", what, "choose another folder with RLBENCH_CACHE")


def _printing() -> Iterator[Finding]:
    encoding = getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding(False)
    try:
        PRINTED.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        what = f"the character set {encoding} lacks characters that rlbench prints; it prints others instead"
        yield note("locale", what, "run `export LC_ALL=C.UTF-8` to see them")
        return
    if sys.getfilesystemencoding().lower().replace("-", "") != "utf8":
        what = f"names of files are in {sys.getfilesystemencoding()}, so some cannot be read"
        yield to_do("locale", what, "run `export LC_ALL=C.UTF-8` first")
    else:
        yield ok("locale", f"{encoding} can print everything")


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    offers = survey(plugins)
    missing: list[str] = []
    for offer in offers:
        if _NOT_INSTALLED in offer.error:  # the plugin's error names the optional package that is missing
            missing.append(offer.name)
        elif offer.error:
            advice = f"mend or uninstall {offer.distribution}, or leave it out with RLBENCH_PLUGINS"
            yield to_do(f"plugin {offer.name}", f"cannot be imported: {offer.error}", advice, "broken plugins")
        for text in offer.notes:
            if text.startswith("needs "):
                missing.append(offer.name)
            else:
                yield note(f"plugin {offer.name}", text, kind="notes on plugins")
    if missing:
        names = join_names(list(dict.fromkeys(missing)))
        yield note("plugins", f"{names}: packages that they need are not installed; `rlbench plugins` names them")
    yield ok("plugins", f"{plural(sum(1 for offer in offers if not offer.error), 'plugin')} can be imported")
