"""Trials of a result folder's file system with real files, in a scratch folder that is removed at the end."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from rlbench.disk_errors import sync
from rlbench.maintenance.findings import Finding, note, ok, to_do
from rlbench.maintenance.machine_checkup import examine_space
from rlbench.results.file_io import NO_LINKS, publish_file, replace_file, temporary_path
from rlbench.results.folder_lease import NO_LOCKS
from rlbench.text import duration, join_names

WHERE = "file system"
MOST_SECONDS_APART = 10.0
_ELSEWHERE = "choose a folder on another file system with -o"
_TRY_LOCK = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def try_file_system(root: Path) -> Iterator[Finding]:
    """Yield what an existing folder's file system can and cannot do."""
    yield from examine_space(WHERE, root, f"{root}{_kind(root)}", f"`rlbench gc {root}` lists what can be freed")
    scratch = temporary_path(root / "doctor")  # a draft's name: if this process is killed, it is recognised
    try:
        scratch.mkdir()
    except OSError as error:
        yield to_do(WHERE, f"nothing can be written in {root}: {error.strerror}", "get permission, or copy the folder")
        return
    try:
        yield from _try(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _try(scratch: Path) -> Iterator[Finding]:
    passed = []
    for name, (trial, without) in TRIALS.items():
        try:
            problem = trial(scratch)
        except OSError as error:
            errors, instead = INSTEAD.get(name, ((), ""))
            if error.errno in errors:
                yield note(WHERE, f"no {name} ({error.strerror}): {instead}")
                continue
            problem = str(error.strerror)
        if problem:
            yield to_do(WHERE, f"no {name} ({problem}): {without}", _ELSEWHERE, "missing abilities of the file system")
        else:
            passed.append(name)
    if passed:
        yield ok(WHERE, f"{join_names(passed)} work")
    if not _tells_case(scratch):
        yield note(WHERE, "names that differ in upper and lower case are the same file here")
    yield _clock(scratch)


def _locks(scratch: Path) -> str:
    """Return what is wrong with locks: two processes hold one, or it stays taken; "" if they work."""
    path = scratch / "lock"
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _other_process_locks(path):
            return "two processes can hold one"
        fcntl.flock(file, fcntl.LOCK_UN)
    return "" if _other_process_locks(path) else "a released one stays taken"


def _other_process_locks(path: Path) -> bool:
    command = [sys.executable, "-I", "-S", "-c", _TRY_LOCK, str(path)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).returncode == 0


def _hard_links(scratch: Path) -> str:
    path = scratch / "published"
    _write(scratch / "draft", "")
    os.link(scratch / "draft", scratch / "linked")
    if not publish_file(path, "first") or publish_file(path, "second") or path.read_text("utf-8") != "first":
        return "a link replaces a file"
    return ""


def _renames(scratch: Path) -> str:
    """Return why a reader may see half of a file that is being replaced; "" if it always sees a whole file."""
    path = scratch / "replaced"
    replace_file(path, lambda draft: _write(draft, "old"))
    with open(path, encoding="utf-8") as reader:
        replace_file(path, lambda draft: _write(draft, "new"))
        return "" if (reader.read(), path.read_text("utf-8")) == ("old", "new") else "an open file changes"


def _syncs(scratch: Path) -> str:
    _write(scratch / "synced", "x")
    sync(scratch / "synced")
    sync(scratch)
    return ""


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


# What rlbench relies on: the trial of each ability, and what follows if it is missing.
TRIALS: dict[str, tuple[Callable[[Path], str], str]] = {
    "locks": (_locks, "two commands may write to the folder at once and damage it"),
    "hard links": (_hard_links, "no run can be published"),
    "atomic renames": (_renames, "a reader may see half a file"),
    "fsync": (_syncs, "a power cut may lose what is published"),
}


# For an ability that may be missing: the errors that show this, and what rlbench uses instead.
INSTEAD = {
    "locks": (NO_LOCKS, "a file that is renewed takes their place; after a killed command, the next waits for 20 s"),
    "hard links": (NO_LINKS, "files are renamed instead; if two processes publish a run at once, both succeed"),
}


def _tells_case(scratch: Path) -> bool:
    _write(scratch / "case", "")
    return not (scratch / "CASE").exists()


def _clock(scratch: Path) -> Finding:
    """Compare the clock of the file system, which may be a server's, with the clock of this machine."""
    before = time.time()
    _write(scratch / "clock", "")
    modified, after = os.stat(scratch / "clock").st_mtime, time.time()
    apart = modified - after if modified > after else min(0.0, modified - before)
    if abs(apart) <= MOST_SECONDS_APART:
        return ok("clock", "files get this machine's time")
    what = f"files get a time {duration(abs(apart))} {'after' if apart > 0 else 'before'} this machine's"
    return note("clock", f"{what}, so ages of files and the newest results are uncertain", "synchronise both clocks")


def _kind(root: Path) -> str:
    """Return the file system's type in words, such as " on ext4"; "" if it is not known."""
    place = os.path.realpath(root)
    mounts = [part for part in psutil.disk_partitions(all=True) if Path(place).is_relative_to(part.mountpoint)]
    return f" on {max(mounts, key=lambda part: len(part.mountpoint)).fstype}" if mounts else ""
