"""Atomic file writing, and bounded reading of files and JSON that may be damaged or hostile."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

from rlbench.api import StoreError
from rlbench.disk_errors import disk_error, sync, writing
from rlbench.process_control import failpoint

MOST_BYTES = 1 << 30  # largest file that is read into memory
MOST_JSON = 64 << 20  # largest JSON file, in bytes
_MOST_VALUES = 1 << 21  # most values in a JSON file: an empty object takes 2 bytes there, and over 100 in memory
_MOST_HASHED = 8 << 30  # largest file, in bytes, that is read only for its hash
_DEEPEST = 50  # nesting levels of a JSON file
_SURROGATES = re.compile(rb"\\u[dD][89a-fA-F]")  # escape sequences; a pair of them encodes one character
_DIGITS = 40  # most digits of an integer in a JSON file; rlbench writes shorter ones
_DRAFT = re.compile(r"\.(?P<before>.+)\.(?P<process>\d{1,10})\.[0-9a-f]{8}\.\w+")  # as `temporary_path` names them


def temporary_path(path: Path) -> Path:
    """Return a path in the same folder that no other process on any host uses."""
    return path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{os.urandom(4).hex()}.tmp")


def draft_writer(name: str) -> tuple[bool, int] | None:
    """Return whether this host wrote a draft, and the number of the process that did; None if it is no draft's name."""
    parts = _DRAFT.fullmatch(name)
    if parts is None:
        return None
    return parts["before"].endswith(f".{socket.gethostname()}"), int(parts["process"])


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a temporary file and move it into place, replacing any file at `path`.

    Raises: DiskFull if the disk is full or broken; OSError for other reasons.
    """
    draft = temporary_path(path)
    with writing(path), _deleted(draft):
        write(draft)
        sync(draft)
        os.replace(draft, path)
        sync(path.parent)


def publish_file(path: Path, text: str) -> bool:
    """Write a file that nobody may replace: the first writer to finish wins. Returns: whether this call won.

    Raises: DiskFull if the disk is full or broken; OSError for other reasons. After an error, there is no file, or the
    file of another writer.
    """
    draft = temporary_path(path)
    with writing(path), _deleted(draft):
        draft.write_text(text, "utf-8")
        sync(draft)
        failpoint(f"link-{path.stem}")
        if not _link(draft, path):
            return False
        failpoint(f"linked-{path.stem}")
        try:
            sync(path.parent)
        except OSError:
            path.unlink()  # its name is not safely on disk: it might be gone after a power failure
            raise
        return True


def _link(draft: Path, path: Path) -> bool:
    """Link a draft to its final name if no file has that name. Returns: whether the name was free. Raises: OSError."""
    try:
        os.link(draft, path)
    except FileExistsError:
        # If a file server made the link but its answer was lost, it is asked again, and then says that the file exists.
        return draft.stat().st_nlink > 1 and draft.samefile(path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        # Without hard links, two writers that publish at the same instant both win; they publish the same text.
        if path.exists():
            return False
        os.replace(draft, path)
    return True


@contextmanager
def _deleted(draft: Path) -> Iterator[None]:
    """Delete a temporary file at the end, if it is still there."""
    try:
        yield
    finally:
        draft.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file. Raises: DiskFull if the disk is full or broken; OSError for other reasons."""
    replace_file(path, lambda draft: _write_text(draft, json.dumps(value, indent=1) + "\n"))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def append_line(path: Path, line: str) -> None:
    """Append a line to a file that no other process writes.

    Raises: StoreError if the file cannot be written, or if it is a symbolic link, a pipe or a file with several hard
    links, because the line would then reach another place.
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
            raise StoreError(f"{path} is not a regular file, or has several links; remove it") from error
        raise unwritable(path, error) from error


NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)  # errors of `link` on a file system without hard links

# The errors for a symbolic link, for a pipe and for a file with several hard links.
NOT_OWN = (errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EMLINK)


def refuse_shared(handle: int) -> None:
    """Check that an open file is a regular file with a single link. Raises: OSError with a number in NOT_OWN."""
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    if info.st_nlink != 1:
        raise OSError(errno.EMLINK, "File with several links")


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a regular file.

    Raises: OSError, also if it has more than `most` bytes or is not a regular file, because reading a pipe or a device
    may block or never end.
    """
    try:
        with open_regular(path, most) as file:
            content = file.read(most + 1)  # the file may have grown since it was opened
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        with open_regular(path, most) as file:  # it was replaced between two calls, on a network file system
            content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", str(path))
    return content


def open_regular(path: Path, most: int = MOST_BYTES) -> BufferedReader:
    """Open a regular file of at most `most` bytes for reading. Raises: OSError, also for any other file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    info = os.fstat(handle)
    if stat.S_ISREG(info.st_mode) and info.st_size <= most:
        return open(handle, "rb")
    os.close(handle)
    if stat.S_ISREG(info.st_mode):
        raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", str(path))
    raise OSError(errno.EINVAL, "Not a regular file", str(path))


def open_within(root: Path, path: Path) -> BufferedReader:
    """Open a regular file in the folder `root` for reading; refuse links that lead out of the folder.

    Raises: OSError; its number is in NOT_OWN if the file is refused.
    """
    if not is_within(root, path.parent):
        raise OSError(errno.ELOOP, "A link to outside the result folder", str(path))
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        refuse_shared(handle)
    except OSError:
        os.close(handle)
        raise
    return open(handle, "rb")


def parse_json(path: Path, most: int = MOST_JSON) -> Any:
    """Return the contents of a JSON file of at most `most` bytes, with unpaired surrogates as question marks.

    Raises: OSError; ValueError with the reason if the file cannot be read.
    """
    return parse_json_content(read_bytes(path, most))


def parse_json_content(content: bytes) -> Any:
    """Return the contents of JSON text as `parse_json` does. Raises: ValueError with the reason."""
    try:
        refuse_too_many_values(content)
        document = json.loads(content, parse_int=_parse_int)
        if _SURROGATES.search(content):
            content = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
            document = json.loads(content, parse_int=_parse_int)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [document]
    for _ in range(_DEEPEST):
        level = [inner for value in level if isinstance(value, (dict, list)) for inner in _parts(value)]
        if not level:
            return document
    raise ValueError("it is nested too deeply")


def refuse_too_many_values(content: bytes) -> None:
    """Check that JSON has few enough values to fit in memory. Raises: ValueError."""
    if content.count(b",") + content.count(b"{") + content.count(b"[") > _MOST_VALUES:
        raise ValueError("it has too many values")


def _parts(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _parse_int(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("it has a number with too many digits")
    return int(text)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file, or None if the file is absent, unreadable or contains something else."""
    with suppress(OSError, ValueError):
        document = parse_json(path)
        return document if isinstance(document, dict) else None
    return None


def why_unreadable(error: OSError | ValueError) -> str:
    """Return in words why a file could not be read, such as "Permission denied" or "it is not valid JSON"."""
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return "it is not valid JSON"
    return str(error)


def refuse_outside(root: Path, path: Path) -> None:
    """Check that a path to be written is inside `root`. Raises: StoreError if a link leads out of it."""
    if not is_within(root, path):
        raise StoreError(f"{path} is a link that leads out of {root}, so nothing is written; replace it with a folder")


def is_within(root: Path, path: Path) -> bool:
    """Return whether a path stays inside `root` after following its links; False for circular links."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def file_hash(path: Path, most: int = _MOST_HASHED) -> str:
    """Return a regular file's sha256. Raises: OSError, also if it is no regular file or has more than `most` bytes."""
    with open_regular(path, most) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(path: Path) -> Path:
    """Make a folder and its parents, and return it. Raises: StoreError if that is not possible."""
    try:
        if not path.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def unwritable(path: Path, error: OSError) -> StoreError:
    """Return the error to raise when `path` could not be written: DiskFull if the disk is full or broken."""
    refused = f"{path}: cannot be written by {_user()}: {error.strerror}; choose another folder with -o"
    return disk_error(path, error) or StoreError(refused)


def unreadable(path: Path, error: OSError) -> StoreError:
    """Return the error to raise when `path` could not be read."""
    return StoreError(f"{path}: cannot be read by {_user()}: {error.strerror}")


def _user() -> str:
    try:
        import getpass  # only here: it imports the terminal's modules

        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return f"user {os.getuid()}"
