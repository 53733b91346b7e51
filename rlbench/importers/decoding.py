"""Reading of text files that may be compressed or written on Windows."""

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

# Compression is recognised by the first bytes, not by the file name.
UNPACK: Mapping[bytes, Callable[[io.BytesIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
MOST_BYTES = 1 << 29  # largest file and largest unpacked text; unpacking may enlarge a file a thousandfold
_BLOCK = 1 << 20
SUFFIXES = ("", ".gz", ".bz2", ".xz")


def read_text(path: Path) -> str:
    """Return the text of a file, which may be compressed with gzip, bzip2 or xz.

    The encoding is UTF-8, with or without a byte order mark, or UTF-16 with one. Raises: ForeignError for another
    compression or encoding, and for a file that is truncated or too large; OSError.
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
                raw = _unpack(unpack(io.BytesIO(raw)), path)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise ForeignError(f"{path}: cannot be unpacked: {error}") from error
            break
    if raw.startswith((b"PK\x03\x04", b"\x28\xb5\x2f\xfd")):
        raise ForeignError(f"{path}: an archive or a spreadsheet, not a text file; unpack it, or save it as CSV")
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ForeignError(f"{path}: cannot be read: line {line} is not UTF-8; save the file as UTF-8") from None


def too_large() -> str:
    """Return the explanation for a file over the size limit."""
    return f"over {MOST_BYTES:,} bytes, the limit for one file; split it"


def _unpack(file: io.BufferedIOBase, path: Path) -> bytes:
    """Return the unpacked content of a file. Raises: ForeignError if it is above the size limit."""
    blocks, size = list[bytes](), 0
    while block := file.read(_BLOCK):
        blocks.append(block)
        size += len(block)
        if size > MOST_BYTES:
            raise ForeignError(f"{path}: unpacked, {too_large()}")
    return b"".join(blocks)
