"""The text of a file that may be compressed, and that Windows may have written."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from rlbench.results.foreign.told import ForeignError

# By its first bytes, whatever it is called.
UNPACK: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
SUFFIXES = ("", ".gz", ".bz2", ".xz")


def read_text(path: Path) -> str:
    """A text file: UTF-8, with a mark or without, or UTF-16 with one; packed by gzip, bzip2 or xz.

    Raises: ForeignError if it is packed otherwise, was cut short, or is no such text; OSError.
    """
    raw = path.read_bytes()
    for magic, unpack in UNPACK.items():
        if raw.startswith(magic):
            try:
                raw = unpack(raw)
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
