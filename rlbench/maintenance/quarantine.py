"""Moving of damaged or left-over files into superseded/, under names that say why. Nothing is deleted."""

from __future__ import annotations

import os
import time
from pathlib import Path

from rlbench.disk_errors import sync
from rlbench.results.file_io import make_folder, refuse_outside

FOLDER = "superseded"
_LONGEST = 180  # bytes that are kept of a path: with the reason and the time, a name may have 255


def move_aside(root: Path, path: Path, why: str) -> Path:
    """Move a file, a folder or a link (not its target) from the result folder `root` into its superseded/.

    The new name contains the old path, the reason `why` and the time in nanoseconds, as in
    superseded/attempts--NAME--unreadable--1700000000000000000. The caller must hold the folder's lock. Returns: the new
    path. Raises: OSError; StoreError if superseded/ is a link that leads out of the folder.
    """
    target = make_folder(root / FOLDER)
    refuse_outside(root, target)
    name = "--".join(part.lstrip(".") for part in path.relative_to(root).parts)
    kept = name.encode("utf-8", "surrogateescape")[-_LONGEST:].decode("utf-8", "ignore")
    stamp = time.time_ns()
    while os.path.lexists(place := target / f"{kept}--{why}--{stamp}"):  # renaming would replace what has this name
        stamp += 1
    os.rename(path, place)
    sync(path.parent)
    sync(target)
    return place


def moved(root: Path, path: Path, why: str) -> str:
    """Move something to superseded/, and return in words what was done."""
    place = move_aside(root, path, why)
    return f"moved to {place.relative_to(root)}"
