"""Search for files below a folder, also behind links to folders. Each folder is visited once, even in loops of links.

Parent folders are not visited, and neither are /proc and /sys: links in them lead to every file of the machine.
"""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rlbench.importers.imported_records import SkippedSource

_SYSTEM = ("/proc", "/sys")
_BROKEN = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_Identity = tuple[int, int]  # the device of a folder and its inode number


@dataclass
class FolderFiles:
    """The files below a folder.

    files: by folder, sorted by path. skipped: files and folders that could not be opened. notes: sentences on ignored
    links. excluded: the number of excluded files.
    """

    files: dict[Path, list[Path]] = field(default_factory=dict)
    skipped: list[SkippedSource] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    excluded: int = 0


def find_files(root: Path, patterns: Sequence[str], exclude: Sequence[str] = ()) -> FolderFiles:
    """Return the files whose names match one of `patterns`, ignoring case.

    exclude: patterns of names or of paths below `root`; matching files and folders are left out. Linked folders are
    visited last: if a link (such as `latest`) leads to a folder below `root`, the link is ignored, not the folder.
    """
    result, seen, linked = FolderFiles(), _identities(Path(os.path.realpath(root)).parents), [root]
    system = {device for device, _ in _identities(map(Path, _SYSTEM))}
    while linked:
        behind = list[Path]()
        for start in linked:
            for folder, files in _folders(start, seen, system, behind, result):
                matching = [
                    path for path in files if any(fnmatch.fnmatchcase(path.name.lower(), each) for each in patterns)
                ]
                included = [path for path in matching if not is_excluded(path.relative_to(root), exclude)]
                result.excluded += len(matching) - len(included)
                if regular := _regular_files(included, result):
                    result.files[folder] = regular
        linked = [path for path in behind if not is_excluded(path.relative_to(root), exclude)]
    result.files = dict(sorted(result.files.items()))
    return result


def _folders(
    start: Path, seen: dict[_Identity, Path], system: set[int], behind: list[Path], result: FolderFiles
) -> Iterator[tuple[Path, list[Path]]]:
    """Yield the folders below `start` with their files. Links to folders are appended to `behind`.

    seen: folders that are skipped: those visited already, and the parents of the searched folder. system: devices that
    are skipped.
    """

    def fail(error: OSError) -> None:
        why = f"{error.filename}: cannot be opened: {error.strerror}"
        result.skipped.append(SkippedSource(str(error.filename), why))

    for folder, folders, files in os.walk(start, onerror=fail):
        here = Path(folder)
        try:
            status = here.stat()
        except OSError as error:
            fail(error)
            folders.clear()
            continue
        if status.st_dev in system:
            why = f"{here}: not read, because it is in {' or '.join(_SYSTEM)}"
            result.skipped.append(SkippedSource(str(here), why))
            folders.clear()
            continue
        identity = status.st_dev, status.st_ino
        if identity in seen:
            result.notes.append(f"{here}: the same folder as {seen[identity]}, skipped")
            folders.clear()
            continue
        seen[identity] = here
        behind += [here / name for name in sorted(folders) if os.path.islink(here / name)]
        for path in (here / name for name in files if os.path.islink(here / name)):
            try:
                path.stat()
            except OSError as error:
                if error.errno not in _BROKEN:
                    fail(error)
                result.notes += [f"{path}: a broken link"] * (error.errno in _BROKEN)
        folders[:] = sorted(name for name in folders if not os.path.islink(here / name))
        yield here, [here / name for name in sorted(files)]


def _identities(folders: Iterable[Path]) -> dict[_Identity, Path]:
    """Return the existing ones of some folders, by device and inode number."""
    found = dict[_Identity, Path]()
    for folder in folders:
        with suppress(OSError):
            status = folder.stat()
            found[status.st_dev, status.st_ino] = folder
    return found


def is_excluded(path: Path, exclude: Sequence[str]) -> bool:
    """Return whether a pattern matches the path, the path of a parent folder, or a name in the path."""
    paths = [str(part) for part in (path, *path.parents)]
    return any(fnmatch.fnmatchcase(text, pattern.rstrip("/")) for pattern in exclude for text in (*paths, *path.parts))


def _regular_files(paths: Sequence[Path], result: FolderFiles) -> list[Path]:
    """Return the regular files among paths; skip others, because reading a pipe would block."""
    odd = [path for path in paths if not os.path.isfile(path)]
    result.skipped += [SkippedSource(str(path), f"{path}: neither a regular file nor a link to one") for path in odd]
    return [path for path in paths if path not in odd]
