"""Files and folders that may be deleted to free disk space, by kind. A link counts as a file and is never followed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rlbench.api import StoreError
from rlbench.maintenance.finished_attempts import finished_attempts
from rlbench.maintenance.leftovers import ABANDONED_SECONDS, is_draft, is_left_over
from rlbench.maintenance.quarantine import FOLDER as SUPERSEDED
from rlbench.process_control import failpoint
from rlbench.results import Store
from rlbench.results.file_io import temporary_path
from rlbench.user_cache import cache_folder

# Caches whose entries are computed again when needed. `speeds` is left out: only training measures it again.
CACHES = {
    "compiled": "compiled graphs",
    "environments": "environment facts",
    "descriptions": "descriptions of plugins",
    "imported": "checks of plugins",
    "distributions": "lists of packages",
    "kernels": "trials of kernels",
}
_STAMP = re.compile(r".*--(?P<nanoseconds>\d{18,19})")  # a name in superseded/ ends with its time


@dataclass(frozen=True)
class Garbage:
    """Files and folders of one kind that may be deleted.

    what: the kind, in words, as a plural. cost: what is lost with them. paths: the files, and folders to delete as a
    whole. files, bytes: the number of all these files and their size.
    """

    what: str
    cost: str
    paths: Sequence[Path]
    files: int
    bytes: int


def garbage_of_folder(store: Store, superseded: bool, attempts: bool, older_than: float | None) -> Iterator[Garbage]:
    """Yield what may be deleted in a result folder.

    superseded: include superseded/. attempts: include the attempts of published runs. older_than: of both, include only
    what is older than this, in seconds; None: include all. Raises: StoreError if the folder cannot be read.
    """
    root = store.root
    yield from _of_kind("drafts of killed processes", "nothing", leftovers(root))
    finished = list(finished_attempts(store, archives=True))
    taken = [path for path in finished if attempts and _is_older(_last_written(path), older_than)]
    checkpoints = [path / "checkpoints" for path in finished if path not in taken]
    checkpoints = [path for path in checkpoints if path.is_dir() and not path.is_symlink()]
    yield from _of_kind("checkpoints of published runs", "nothing: these runs are finished", checkpoints)
    yield from _of_kind("attempts of published runs", "their logs, and the means to restore tables", taken)
    if superseded and not (root / SUPERSEDED).is_symlink():
        replaced = [path for path in sorted((root / SUPERSEDED).glob("*")) if _is_older(_moved_at(path), older_than)]
        yield from _of_kind("what was replaced or put aside", "the runs that were replaced", replaced)


def garbage_of_caches(unused_for: float) -> Iterator[Garbage]:
    """Yield the entries of the user's caches that were not used in the last `unused_for` seconds."""
    for kind, what in CACHES.items():
        folder = cache_folder(kind)
        old = [path for path in _files_below(folder) if is_unused(path, unused_for)] if not folder.is_symlink() else []
        yield from _of_kind(f"old {what}", "time: they are computed again when needed", old)


def is_unused(path: Path, seconds: float) -> bool:
    """Return whether a cache file was not used in the last `seconds`, or is a draft that was left behind."""
    with suppress(OSError):
        info = os.stat(path, follow_symlinks=False)
        age = time.time() - max(info.st_atime, info.st_mtime)
        return age > min(seconds, ABANDONED_SECONDS if path.suffix == ".tmp" else seconds)
    return False


def delete(paths: Iterable[Path]) -> tuple[int, int]:
    """Delete files and folders. Returns: the number of deleted files, and their bytes. Raises: StoreError.

    A folder is renamed to a draft first. If deleting it is interrupted, the rest is recognised as a leftover.
    """
    files = size = 0
    for path in paths:
        count, length = _extent(path)
        try:
            if stat.S_ISDIR(os.stat(path, follow_symlinks=False).st_mode):
                draft = temporary_path(path.with_name("deleted"))
                os.rename(path, draft)
                failpoint("deleting")
                shutil.rmtree(draft)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # another process has deleted it
        except OSError as error:
            raise StoreError(f"{path} cannot be deleted: {error.strerror}") from error
        files, size = files + count, size + length
    return files, size


def leftovers(root: Path) -> list[Path]:
    """Return the drafts that killed processes left in a result folder, except those in superseded/."""
    found: list[Path] = []
    waiting = [root]
    while waiting:
        for entry in _entries(waiting.pop()):
            if is_draft(entry.name):
                with suppress(FileNotFoundError):
                    if is_left_over(entry.name, entry.stat(follow_symlinks=False)):
                        found.append(Path(entry.path))
            elif entry.is_dir(follow_symlinks=False) and entry.path != str(root / SUPERSEDED):
                waiting.append(Path(entry.path))
    return sorted(found)


def _of_kind(what: str, cost: str, paths: Sequence[Path]) -> Iterator[Garbage]:
    if paths:
        extents = [_extent(path) for path in paths]
        yield Garbage(what, cost, paths, sum(count for count, _ in extents), sum(size for _, size in extents))


def _extent(path: Path) -> tuple[int, int]:
    """Return the number of files in a folder (1 for a file), and their bytes."""
    with suppress(OSError):
        info = os.stat(path, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            return 1, info.st_size
    sizes = [os.stat(file, follow_symlinks=False).st_size for file in _files_below(path)]
    return len(sizes), sum(sizes)


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        else:
            yield Path(entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder; an empty list if it cannot be read or is gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _is_older(moment: float, seconds: float | None) -> bool:
    return seconds is None or time.time() - moment > seconds


def _last_written(path: Path) -> float:
    """Return when an attempt's folder or archive was last written to."""
    entries = [entry.stat(follow_symlinks=False).st_mtime for entry in _entries(path)]
    return max(entries, default=os.stat(path, follow_symlinks=False).st_mtime)


def _moved_at(path: Path) -> float:
    """Return when something was moved to superseded/.

    Its name contains that time, because moving a file does not change the file's own time.
    """
    stamp = _STAMP.fullmatch(path.name)
    return int(stamp["nanoseconds"]) / 1e9 if stamp else os.stat(path, follow_symlinks=False).st_mtime
