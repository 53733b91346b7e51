"""Copies of runs and attempts in another result folder. Readers ignore a copy until it is complete.

A run is published again in the other folder: its files are compared with their hashes, and result.json is written last.
An attempt has the name of a draft until all of it is on disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rlbench.api import Run
from rlbench.disk_errors import sync, writing
from rlbench.process_control import failpoint
from rlbench.results import RunState, Store
from rlbench.results.attempt_files import SUFFIX, archive_of
from rlbench.results.file_io import (
    is_within,
    make_folder,
    open_regular,
    publish_file,
    refuse_outside,
    replace_file,
    temporary_path,
)

_BLOCK = 1 << 20
_MOST_BYTES = 8 << 30  # largest file that is copied


class Uncopied(Exception):
    """A run or an attempt was not copied. The message says why, for example because it is damaged or in training."""


def copy_run(source: Store, run: Run, state: RunState, target: Store) -> None:
    """Publish a run of `source` in `target`, where it has a spec.json. state: its state in `source`.

    Raises: Uncopied; OSError if the target cannot be written.
    """
    folder = target.folder(run)
    for name, entry in state.result["files"].items():
        replace_file(folder / name, partial(_copy_file, source.folder(run) / name, digest=entry["sha256"]))
    failpoint("merge-result")
    publish_file(folder / "result.json", json.dumps(state.result, indent=1) + "\n")


def copy_attempt(source: Store, path: Path, target: Store) -> None:
    """Copy an attempt's folder or archive if `target` has neither. Leave out links, pipes and devices in it.

    Raises: Uncopied; OSError if the target cannot be written.
    """
    copy = target.root / "attempts" / path.name
    folder = copy.with_name(copy.name.removesuffix(SUFFIX))
    if os.path.lexists(folder) or os.path.lexists(archive_of(folder)):
        return
    if path.is_symlink() or not is_within(source.root, path):
        raise Uncopied("it is a link; replace it with its target")
    refuse_outside(target.root, copy)
    make_folder(copy.parent)
    if copy == folder:
        _copy_folder(path, copy)
    else:
        replace_file(copy, partial(_copy_file, path))


def _copy_folder(source: Path, copy: Path) -> None:
    draft = temporary_path(copy)
    try:
        with writing(copy):
            for place, _, names in os.walk(source, onerror=_raise_uncopied):
                target = draft / Path(place).relative_to(source)
                target.mkdir()
                for name in filter(partial(_is_regular, place), names):
                    _copy_file(Path(place, name), target / name)
            for place, _, _ in os.walk(draft):
                sync(Path(place))
            failpoint("merge-attempt")
            os.rename(draft, copy)
            sync(copy.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _raise_uncopied(error: OSError) -> None:
    raise Uncopied(f"{error.filename} cannot be read ({error.strerror})") from error


def _is_regular(folder: str, name: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode)
    except OSError as error:
        raise Uncopied(f"{name} cannot be read ({error.strerror})") from error


def _copy_file(source: Path, copy: Path, digest: str = "") -> None:
    """Copy a file. digest: its sha256, if known. Raises: Uncopied; OSError if the copy cannot be written."""
    found = hashlib.sha256()
    with open(copy, "xb") as file:
        for block in _blocks(source):
            found.update(block)
            file.write(block)
    if digest and found.hexdigest() != digest:
        raise Uncopied(f"{source.name} was changed after the run was published")
    sync(copy)


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with open_regular(path, _MOST_BYTES) as file:
            while block := file.read(_BLOCK):
                yield block
    except OSError as error:
        raise Uncopied(f"{path.name} cannot be read ({error.strerror})") from error
