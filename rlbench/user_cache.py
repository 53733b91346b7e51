"""The user's cache folder: what is kept there may be deleted at will and only costs time."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def cache_folder(kind: str) -> Path:
    """The folder for one kind of entry: under RLBENCH_CACHE, else XDG_CACHE_HOME/rlbench, else ~/.cache/rlbench."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.path.expanduser(os.environ.get("RLBENCH_CACHE") or os.path.join(home, "rlbench")), kind)


def remember(path: Path, entry: Mapping[str, Any]) -> None:
    """Write one JSON entry, whole; a cache that cannot be written is only slow."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(entry))
        os.replace(temporary, path)


def recall(path: Path) -> dict[str, Any] | None:
    """An entry, or None where there is none that can be read."""
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        return found if isinstance(found, dict) else None
    return None
