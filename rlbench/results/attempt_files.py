"""Files of attempts: in the attempt's folder or, after `rlbench compact`, in an archive beside where it was.

An archive may come from anybody. Its files are read by name and not unpacked here; their number and sizes are bounded.
"""

from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from rlbench.results.file_io import MOST_BYTES, MOST_JSON, open_regular, open_within, parse_json_content, read_bytes
from rlbench.results.json_shapes import check_attempt
from rlbench.results.jsonl_records import parse_lines

SUFFIX = ".zip"
_MOST_ARCHIVE = 4 << 30  # bytes of an archive; beyond this, its format changes
_MOST_LISTED = 1 << 20  # bytes of the list of files in an archive: some ten thousand names
# The end of an archive: a mark that only large ones have there, the mark of the last record, the size of the list.
_END = struct.Struct("<4s16x4s8xL6x")
_LARGE, _LAST = b"PK\x06\x07", b"PK\x05\x06"
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, struct.error, ValueError)


def archive_of(folder: Path) -> Path:
    """Return the path of the archive of an attempt's folder."""
    return folder.with_name(folder.name + SUFFIX)


def is_archive(path: Path) -> bool:
    """Return whether a path has the name of an attempt's archive."""
    return path.name.endswith(SUFFIX) and not path.name.startswith(".")


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive for reading. Raises: OSError, also inside the context for content that is damaged."""
    try:
        with open_regular(path, _MOST_ARCHIVE) as file:
            file.seek(-min(_END.size, os.fstat(file.fileno()).st_size), os.SEEK_END)
            large, mark, listed = _END.unpack(file.read())
            if mark != _LAST or large == _LARGE or listed > _MOST_LISTED:
                raise OSError(errno.EINVAL, "Not an archive of an attempt", str(path))
            with zipfile.ZipFile(file) as archive:
                yield archive
    except _UNREADABLE as error:
        raise OSError(errno.EIO, "The archive is damaged", str(path)) from error


def read_attempt_file(folder: Path, name: str, most: int = MOST_BYTES) -> bytes:
    """Return the content of an attempt's file. folder: the attempt's, which may be an archive by now.

    Raises: OSError, also for more than `most` bytes; FileNotFoundError if there is no such file.
    """
    try:
        return read_bytes(folder / name, most)
    except FileNotFoundError:
        with open_archive(archive_of(folder)) as archive:
            return _read_member(archive, name, most)


def _read_member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{archive.filename}:{name}") from None
    if info.file_size > most:
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", f"{archive.filename}:{name}")
    return archive.read(info)


def read_attempt_lines(folder: Path, table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of an attempt's table; none if it has no such file. Raises: as `read_lines`."""
    with suppress(FileNotFoundError):
        yield from parse_lines(read_attempt_file(folder, f"{table}.jsonl"), f"{folder / table}.jsonl")


def open_attempt_file(root: Path, folder: Path, name: str) -> BinaryIO:
    """Open an attempt's file in the result folder `root` for reading; links that lead out of it are refused.

    Raises: as `open_within`; FileNotFoundError if neither folder nor archive has the file.
    """
    try:
        return open_within(root, folder / name)
    except FileNotFoundError:
        open_within(root, archive_of(folder)).close()  # refuses an archive that lies elsewhere
        return io.BytesIO(read_attempt_file(folder, name))


def member_of(description: Mapping[str, Any], key: str) -> int | None:
    """Return the number that a run has in an attempt's files (`RunGroup.members`); None if it is not in the attempt.

    description: the attempt's group.json. key: the run's.
    """
    return next((int(member) for member, of in description["keys"].items() if of == key and member.isdecimal()), None)


def describe_attempt(folder: Path) -> Mapping[str, Any]:
    """Return the group.json of an attempt. Raises: OSError; ValueError for one that has another shape."""
    return check_attempt(parse_json_content(read_attempt_file(folder, "group.json", MOST_JSON)))


def archived_attempts(root: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the archives in the result folder `root` with their group.json, skipping those without a readable one."""
    for path in sorted((root / "attempts").glob(f"*{SUFFIX}")):
        if is_archive(path):
            with suppress(OSError, ValueError):
                yield path, describe_attempt(path.with_name(path.name.removesuffix(SUFFIX)))
