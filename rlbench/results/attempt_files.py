"""Files of attempts, read from the attempt's folder or from the zip archive that `rlbench compact` packs it into.

The archive lies in the folder `attempts` and has the attempt's name with ".zip". It may come from anybody: its files
are read by name, without unpacking it, and their number and sizes are limited.
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
_MOST_ARCHIVE = 4 << 30  # largest archive, in bytes; a larger one has another format
_MOST_LISTED = 1 << 20  # longest list of files in an archive, in bytes: some ten thousand names
# The last 42 bytes of an archive: a mark that only archives of the large format have, the mark of the last record, and
# the size of the list of files.
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
    """Open an archive for reading. Raises: OSError, also inside the context when damaged content is read."""
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
    """Return the content of an attempt's file. folder: the attempt's folder; if it is packed, its archive is read.

    Raises: OSError, also if the file has more than `most` bytes; FileNotFoundError if there is no such file.
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
    """Yield the rows of an attempt's table; no rows if the file is missing. Raises: the errors of `read_lines`."""
    with suppress(FileNotFoundError):
        yield from parse_lines(read_attempt_file(folder, f"{table}.jsonl"), f"{folder / table}.jsonl")


def open_attempt_file(root: Path, folder: Path, name: str) -> BinaryIO:
    """Open an attempt's file for reading; refuse links that lead out of the result folder `root`.

    Raises: the errors of `open_within`; FileNotFoundError if neither the attempt's folder nor its archive has the file.
    """
    try:
        return open_within(root, folder / name)
    except FileNotFoundError:
        open_within(root, archive_of(folder)).close()  # refuses an archive that lies elsewhere
        return io.BytesIO(read_attempt_file(folder, name))


def member_of(description: Mapping[str, Any], key: str) -> int | None:
    """Return the number of a run in an attempt's files (`RunGroup.members`); None if the attempt does not train it.

    description: the content of the attempt's group.json. key: the run's key.
    """
    return next((int(member) for member, of in description["keys"].items() if of == key and member.isdecimal()), None)


def describe_attempt(folder: Path) -> Mapping[str, Any]:
    """Return the content of an attempt's group.json. Raises: OSError; ValueError if it has another shape."""
    return check_attempt(parse_json_content(read_attempt_file(folder, "group.json", MOST_JSON)))


def archived_attempts(root: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield each archive in the result folder `root` with its group.json; skip archives without a readable one."""
    for path in sorted((root / "attempts").glob(f"*{SUFFIX}")):
        if is_archive(path):
            with suppress(OSError, ValueError):
                yield path, describe_attempt(path.with_name(path.name.removesuffix(SUFFIX)))
