"""Checksums of JSON documents, by which a reader notices that a value was changed after it had been written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from rlbench.api import canonical

CHECKSUM = "checksum"


def with_checksum(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with a checksum of its other entries, as the last one. Values must be JSON's."""
    entries = {name: value for name, value in document.items() if name != CHECKSUM}
    # As `parse_json` will read it: an unpaired surrogate becomes a question mark.
    read = json.loads(json.dumps(entries, ensure_ascii=False).encode("utf-8", "replace"))
    return {**entries, CHECKSUM: _of(read)}


def is_unchanged(document: Mapping[str, Any]) -> bool:
    """Return whether a document agrees with its checksum, or has none, as before rlbench 0.3."""
    entries = dict(document)
    given = entries.pop(CHECKSUM, None)
    return given is None or given == _of(entries)


def _of(entries: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(entries).encode()).hexdigest()
