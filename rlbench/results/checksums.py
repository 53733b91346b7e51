"""Checksums of JSON documents. They show a reader that a value was changed after the document was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rlbench.api import canonical

CHECKSUM = "checksum"


def with_checksum(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a document of JSON values, with a checksum of its entries added as the last entry."""
    entries = {name: value for name, value in document.items() if name != CHECKSUM}
    # Hash what `parse_json` will read: it turns an unpaired surrogate into a question mark.
    read = json.loads(json.dumps(entries, ensure_ascii=False).encode("utf-8", "replace"))
    return {**entries, CHECKSUM: _of(read)}


def is_unchanged(document: Mapping[str, Any]) -> bool:
    """Return whether a document has the checksum of its entries; True if it has none (before rlbench 0.3)."""
    entries = dict(document)
    given = entries.pop(CHECKSUM, None)
    return given is None or given == _of(entries)


def _of(entries: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(entries).encode()).hexdigest()
