"""Every file below a folder, through links of folders too, each folder once, however links go round."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlbench.importers.imported_records import Skipped


@dataclass
class Found:
    """files: by folder, in the order of their paths. skipped: what could not be looked into. notes: what was passed over.
    excluded: how many files were not looked at, as was asked."""

    files: dict[Path, list[Path]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    excluded: int = 0


def find_files(root: Path, patterns: Sequence[str], exclude: Sequence[str] = ()) -> Found:
    """The files whose names are like one of `patterns`, in small letters or large.

    exclude: patterns of names, or of paths below `root`, of files and folders that are not looked at. Folders behind links
    come after all others, so that a link to a folder that is there anyway (`latest`) is the one that is passed over.
    """
    found, seen, linked = Found(), dict[tuple[int, int], Path](), [root]
    while linked:
        behind = list[Path]()
        for start in linked:
            for folder, files in _folders(start, seen, behind, found):
                named = [
                    path for path in files if any(fnmatch.fnmatchcase(path.name.lower(), each) for each in patterns)
                ]
                asked = [path for path in named if not is_excluded(path.relative_to(root), exclude)]
                found.excluded += len(named) - len(asked)
                if kept := _regular(asked, found):
                    found.files[folder] = kept
        linked = [path for path in behind if not is_excluded(path.relative_to(root), exclude)]
    found.files = dict(sorted(found.files.items()))
    return found


def _folders(
    start: Path, seen: dict[tuple[int, int], Path], behind: list[Path], found: Found
) -> Iterator[tuple[Path, list[Path]]]:
    """Folders below `start` with their files; links to folders are put into `behind`."""

    def fail(error: OSError) -> None:
        found.skipped.append(Skipped(str(error.filename), f"{error.filename}: cannot be looked into: {error.strerror}"))

    for folder, folders, files in os.walk(start, onerror=fail):
        here = Path(folder)
        try:
            status = here.stat()
        except OSError as error:
            fail(error)
            folders.clear()
            continue
        identity = status.st_dev, status.st_ino
        if identity in seen:
            found.notes.append(f"{here}: the same folder as {seen[identity]}, passed over")
            folders.clear()
            continue
        seen[identity] = here
        behind += [here / name for name in sorted(folders) if (here / name).is_symlink()]
        lost = [here / name for name in files if (here / name).is_symlink() and not (here / name).exists()]
        found.notes += [f"{path}: a link that leads nowhere" for path in lost]
        folders[:] = sorted(name for name in folders if not (here / name).is_symlink())
        yield here, [here / name for name in sorted(files)]


def is_excluded(path: Path, exclude: Sequence[str]) -> bool:
    """Whether the path, one of the folders on its way, or a name in it is like a pattern."""
    ways = [str(part) for part in (path, *path.parents)]
    return any(fnmatch.fnmatchcase(text, pattern.rstrip("/")) for pattern in exclude for text in (*ways, *path.parts))


def _regular(paths: Sequence[Path], found: Found) -> list[Path]:
    """Those that are files: a pipe would be waited for, and a link may lead nowhere."""
    odd = [path for path in paths if not path.is_file()]
    found.skipped += [Skipped(str(path), f"{path}: neither a file nor a link to one") for path in odd]
    return [path for path in paths if path not in odd]
