"""Writing files so that they are whole or absent, and reading JSON that may be neither."""

from __future__ import annotations

import errno
import getpass
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, TextIO

from rlbench.api import DiskFull, StoreError

MOST_BYTES = 1 << 30  # of one file that is read at once
MOST_JSON = 64 << 20
_MOST_VALUES = 1 << 21  # in a JSON file; an empty object takes two bytes there, and over a hundred here
_MOST_HASHED = 8 << 30  # bytes of a file that is read for its hash alone
_DEEPEST = 50  # nesting of a JSON file
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")  # of pairs that are one character together
_DIGITS = 40  # of a whole number in one; larger than any that is written


def temporary(path: Path) -> Path:
    """A name beside `path` that no other process on any host uses."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


def sync(path: Path) -> None:
    """Have the kernel put a file, or a folder's entries, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file elsewhere and move it into place, replacing what was there."""
    draft = temporary(path)
    try:
        write(draft)
        sync(draft)
        os.replace(draft, path)
        sync(path.parent)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def publish_file(path: Path, text: str) -> bool:
    """Write a file that nobody may replace: the first to finish wins. Returns: whether it was this call."""
    draft = temporary(path)
    try:
        draft.write_text(text)
        sync(draft)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        return True
    finally:
        draft.unlink()
        sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    replace_file(path, lambda draft: _write_text(draft, json.dumps(value, indent=1) + "\n"))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text)


def append_line(path: Path, line: str) -> None:
    """Add a line to a file of which nobody else is a writer. Raises: StoreError when that is not possible, also where the
    file is a link, a pipe or known by another name as well, so that the line would go elsewhere.
    """
    try:
        handle = os.open(
            path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666
        )
        with open(handle, "a", encoding="utf-8") as file:
            refuse_shared(handle)
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in NOT_OWN:
            raise StoreError(f"{path} is no regular file of its own; remove it") from error
        raise unwritable(path, error) from error


NOT_OWN = (errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EMLINK)  # a link, a pipe, a file of several names


def refuse_shared(handle: int) -> None:
    """See that an open file is a regular one of a single name. Raises: OSError, one of NOT_OWN."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    if found.st_nlink != 1:
        raise OSError(errno.EMLINK, "A file of several names")


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file; a pipe or a device in its place would hold up whoever opens it, or never end.

    Raises: OSError, also for what is no regular file or has more than `most` bytes.
    """
    with open_regular(path, most) as file:
        content = file.read(most + 1)  # it may have grown meanwhile
    if len(content) > most:
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", str(path))
    return content


def open_regular(path: Path, most: int = MOST_BYTES) -> BufferedReader:
    """Open a regular file of at most `most` bytes for reading. Raises: OSError, also for any other."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_size <= most:
        return open(handle, "rb")
    os.close(handle)
    if stat.S_ISREG(found.st_mode):
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def open_within(root: Path, path: Path) -> TextIO:
    """Open a text file for reading that lies in the folder `root`: a regular file, and not by a link that leads out.

    Raises: OSError; its number is one of NOT_OWN for what is refused.
    """
    if not lies_within(root, path.parent):
        raise OSError(errno.ELOOP, "A link that leads out", str(path))
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        refuse_shared(handle)
    except OSError:
        os.close(handle)
        raise
    return open(handle, encoding="utf-8", errors="replace")


def parse_json(path: Path, most: int = MOST_JSON) -> Any:
    """What a JSON file of at most `most` bytes says, in place of what is no character a question mark.

    Raises: OSError; ValueError saying why it cannot be read.
    """
    try:
        content = read_bytes(path, most)
        refuse_crowded(content)
        found = json.loads(content, parse_int=_whole)
        if _HALVES.search(content):
            content = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
            found = json.loads(content, parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [found]
    for _ in range(_DEEPEST):
        level = [inner for value in level if isinstance(value, (dict, list)) for inner in _parts(value)]
        if not level:
            return found
    raise ValueError("it is nested too deeply")


def refuse_crowded(content: bytes) -> None:
    """Raises: ValueError for JSON with so many values that they would fill the memory."""
    if content.count(b",") + content.count(b"{") + content.count(b"[") > _MOST_VALUES:
        raise ValueError("it has too many values")


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("it has a number of too many digits")
    return int(text)


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, or None when it is absent, unreadable or something else."""
    with suppress(OSError, ValueError):
        found = parse_json(path)
        return found if isinstance(found, dict) else None
    return None


def why_unreadable(error: OSError | ValueError) -> str:
    """In words, as in "Permission denied" or "it is no JSON"."""
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return "it is no JSON"
    return str(error)


def refuse_outside(root: Path, path: Path) -> None:
    """Keep what is written inside a folder. Raises: StoreError where a link leads from `root` to somewhere else."""
    if not lies_within(root, path):
        raise StoreError(
            f"{path} is a link that leads out of {root}: nothing is written there; put a folder in its place"
        )


def lies_within(root: Path, path: Path) -> bool:
    """Whether its links, if any, stay inside; links in a circle lead nowhere."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def file_hash(path: Path, most: int = _MOST_HASHED) -> str:
    """The sha256 of a regular file. Raises: OSError, also for any other and for one of more than `most` bytes."""
    with open_regular(path, most) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(path: Path) -> Path:
    """Make a folder and its parents. Raises: StoreError when that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def unwritable(path: Path, error: OSError) -> StoreError:
    """What to raise when `path` could not be written: DiskFull where there is no room, otherwise StoreError."""
    if error.errno in DISK_FULL:
        return DiskFull(disk_full(path))
    return StoreError(f"{path}: cannot be written by {_user()}: {error.strerror}; choose another folder with -o")


def unreadable(path: Path, error: OSError) -> StoreError:
    """What to raise when `path` could not be read."""
    return StoreError(f"{path}: cannot be read by {_user()}: {error.strerror}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def disk_full(path: Path) -> str:
    """What to say of a full disk: how much is free, and that nothing that was finished is lost."""
    there = next((p for p in (path, *path.parents) if p.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    return f"no room left to write {path} ({free / 1e6:.1f} MB free); finished runs are safe, and the same command goes on once there is room"
