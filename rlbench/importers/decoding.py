"""The text of a file that may be compressed, and that Windows may have written."""

from __future__ import annotations

import bz2
import codecs
import errno
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from rlbench.importers.imported_records import ForeignError
from rlbench.results.file_io import read_bytes

# By its first bytes, whatever it is called.
UNPACK: Mapping[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
MOST_BYTES = (
    2 << 30
)  # of a file, and of what is packed in it: a thousand times what it takes on disk, where that is meant
_BLOCK = 1 << 20
SUFFIXES = ("", ".gz", ".bz2", ".xz")


def read_text(path: Path) -> str:
    """A text file: UTF-8, with a mark or without, or UTF-16 with one; packed by gzip, bzip2 or xz.

    Raises: ForeignError if it is packed otherwise, was cut short, or is no such text; OSError.
    """
    try:
        raw = read_bytes(path, MOST_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise ForeignError(f"{path}: {too_large()}") from error
        raise
    for magic, unpack in UNPACK.items():
        if raw.startswith(magic):
            try:
                raw = _unpacked(unpack(io.BytesIO(raw)), path)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise ForeignError(f"{path}: cannot be unpacked: {error}") from error
            break
    if raw.startswith((b"PK\x03\x04", b"\x28\xb5\x2f\xfd")):
        raise ForeignError(f"{path}: an archive or a spreadsheet, no text; unpack it, or save it as CSV")
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ForeignError(f"{path}: cannot be read: no UTF-8 in line {line}; save it as UTF-8") from None


def too_large() -> str:
    """What to say of a file, in words."""
    return f"over {MOST_BYTES:,} bytes, which is more than is read at once; split it"


def _unpacked(file: io.BufferedIOBase, path: Path) -> bytes:
    """Read to its end, if that comes in time."""
    blocks, size = list[bytes](), 0
    while block := file.read(_BLOCK):
        blocks.append(block)
        size += len(block)
        if size > MOST_BYTES:
            raise ForeignError(f"{path}: unpacked, {too_large()}")
    return b"".join(blocks)
