"""Compaction: each attempt whose runs are published is packed into a compressed archive, and can be unpacked again.

An archive is compared with the folder, file by file, before the folder is deleted. A process that is killed at any
moment leaves the folder, or the archive, or both with the same contents. The next compaction completes the work.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rlbench.api import StoreError
from rlbench.disk_errors import sync
from rlbench.maintenance.finished_attempts import finished_attempts
from rlbench.maintenance.garbage import delete
from rlbench.process_control import failpoint
from rlbench.results import Store
from rlbench.results.attempt_files import SUFFIX, archive_of, is_archive, open_archive
from rlbench.results.file_io import MOST_BYTES, temporary_path, unwritable, why_unreadable
from rlbench.results.json_shapes import is_name

_BLOCK = 1 << 20
_MOST_DEEP = 20  # most levels of folders in an archive
_MOST_UNPACKED = 16 << 30  # most bytes of all files of an attempt


class Unsuitable(Exception):
    """An attempt cannot be packed or unpacked and stays as it is. The message says why."""


class Outcome(NamedTuple):
    """The result of packing or unpacking one attempt.

    problem: why it stays as it is; "" if it was packed or unpacked. files, bytes: their numbers before; files_after,
    bytes_after: their numbers now.
    """

    name: str
    problem: str
    files: int = 0
    bytes: int = 0
    files_after: int = 0
    bytes_after: int = 0


def compact(store: Store) -> Iterator[Outcome]:
    """Pack every attempt whose runs are all published. The caller must hold the folder's lock. Raises: StoreError."""
    for folder in sorted(finished_attempts(store)):
        try:
            before = _listing(folder)
            archive = _pack(folder, before)
        except Unsuitable as reason:
            yield Outcome(folder.name, str(reason))
            continue
        except OSError as error:
            raise unwritable(archive_of(folder), error) from error
        sizes = [size for size, _ in before.values()]
        yield Outcome(folder.name, "", len(sizes), sum(sizes), 1, archive.stat().st_size)


def unpack(store: Store) -> Iterator[Outcome]:
    """Make every archive a folder again. The caller must hold the folder's lock. Raises: StoreError."""
    for archive in sorted((store.root / "attempts").glob(f"*{SUFFIX}")):
        if not is_archive(archive):
            continue
        folder = archive.with_name(archive.name.removesuffix(SUFFIX))
        try:
            size = archive.stat(follow_symlinks=False).st_size
            after = [size for size, _ in _unpack(archive, folder).values()]
        except Unsuitable as reason:
            yield Outcome(folder.name, str(reason))
            continue
        except OSError as error:
            raise unwritable(folder, error) from error
        yield Outcome(folder.name, "", 1, size, len(after), sum(after))


def archive_problem(archive: Path) -> str:
    """Read a whole archive and return what is wrong with it; "" if nothing is."""
    try:
        _contents(archive)
    except Unsuitable as reason:
        return str(reason)
    return ""


# The size and the sha256 of each file, by its name in the archive.
Listing = Mapping[str, tuple[int, str]]


def _listing(folder: Path) -> Listing:
    """Return the files of an attempt's folder. Raises: Unsuitable if an archive could not hold all of its contents."""
    files: dict[str, tuple[int, str]] = {}
    waiting = [folder]
    while waiting:
        inner = waiting.pop()
        entries = sorted(inner.iterdir())
        if not entries and inner != folder:
            raise Unsuitable(f"{inner.relative_to(folder)} is an empty folder")
        for path in entries:
            info = os.stat(path, follow_symlinks=False)
            name = path.relative_to(folder).as_posix()
            if stat.S_ISDIR(info.st_mode):
                waiting.append(path)
            elif not stat.S_ISREG(info.st_mode) or info.st_size > MOST_BYTES:
                raise Unsuitable(f"{name} is a link, a pipe, a device, or larger than {MOST_BYTES:,} bytes")
            else:
                with open(path, "rb") as file:
                    files[name] = info.st_size, hashlib.file_digest(file, "sha256").hexdigest()
    if any(name.startswith("checkpoints/") for name in files):
        raise Unsuitable("it has checkpoints; `rlbench gc` deletes those that no run needs")
    return files


def _pack(folder: Path, listing: Listing) -> Path:
    """Write the archive of a folder, compare both, and delete the folder. Raises: OSError, Unsuitable."""
    archive = archive_of(folder)
    if not os.path.lexists(archive):
        draft = temporary_path(archive)
        try:
            _write(draft, folder, listing)
            _compare(draft, listing)
            failpoint("compact-written")
            os.rename(draft, archive)
            sync(archive.parent)
        finally:
            draft.unlink(missing_ok=True)
    else:  # a compaction was killed before it could delete the folder
        _compare(archive, listing)
    failpoint("compact-archived")
    delete([folder])
    return archive


def _write(draft: Path, folder: Path, listing: Listing) -> None:
    try:
        with zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED, compresslevel=9, strict_timestamps=False) as file:
            for name in listing:
                file.write(folder / name, name)
    except (ValueError, zipfile.LargeZipFile) as error:  # the name of a file is not valid UTF-8
        raise Unsuitable(f"its files cannot be packed into an archive: {error}") from error
    sync(draft)


def _compare(archive: Path, listing: Listing) -> None:
    """Check that an archive has exactly these files. Raises: Unsuitable."""
    if _contents(archive) != listing:
        raise Unsuitable(f"{archive.name} has other contents than the folder; look at both, and delete one of them")


def _contents(archive: Path) -> Listing:
    """Read a whole archive and return its files. Raises: Unsuitable if it is damaged or hostile."""
    try:
        with open_archive(archive) as file:
            infos = file.infolist()
            if problem := _names_problem([info.filename for info in infos]):
                raise Unsuitable(problem)
            if sum(info.file_size for info in infos) > _MOST_UNPACKED:
                raise Unsuitable(f"its files have more than {_MOST_UNPACKED:,} bytes")
            return {info.filename: (info.file_size, _member_hash(file, info)) for info in infos}
    except OSError as error:
        raise Unsuitable(f"the archive cannot be read ({why_unreadable(error)})") from error


def _names_problem(names: list[str]) -> str:
    """Return why names in an archive are refused; "" if each is the name of one file below the folder."""
    for name in names:
        parts = name.split("/")
        if not all(map(is_name, parts)) or len(parts) > _MOST_DEEP or PurePosixPath(name).is_absolute():
            return f"its file {name[:60]!r} would lead out of the folder, or is not a file name"
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    if len(set(names)) < len(names) or folders & set(names):
        return "two of its files have the same name"
    return "" if "group.json" in names else "it has no group.json"


def _member_hash(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Return the sha256 of a file in an archive. Reading it checks its checksum and its declared size."""
    digest = hashlib.sha256()
    with archive.open(info) as member:
        while block := member.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path) -> Listing:
    """Write the folder of an archive, compare both, and delete the archive. Raises: OSError, Unsuitable."""
    listing = _contents(archive)
    if os.path.lexists(folder):  # a compaction was killed
        if folder.is_symlink() or not folder.is_dir() or _listing(folder) != listing:
            raise Unsuitable(f"{folder.name} exists and has other contents; look at both, and delete one of them")
    else:
        if sum(size for size, _ in listing.values()) > shutil.disk_usage(archive.parent).free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        draft = temporary_path(folder)
        try:
            _extract(archive, draft)
            if _listing(draft) != listing:
                raise StoreError(f"{archive} changed while it was read; run the command again")
            failpoint("unpack-written")
            os.rename(draft, folder)
            sync(folder.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    failpoint("unpack-renamed")
    archive.unlink()
    return listing


def _extract(archive: Path, target: Path) -> None:
    """Write the files of an archive into the new folder `target`. Their names must have been checked."""
    target.mkdir()
    with open_archive(archive) as file:
        for info in file.infolist():
            path = target / info.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            with file.open(info) as member, open(path, "xb") as copy:
                shutil.copyfileobj(member, copy, _BLOCK)
            sync(path)
    for inner in {path.parent for path in target.rglob("*")}:
        sync(inner)
