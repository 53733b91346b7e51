"""The user's cache folder. Its files may be deleted at any time; their contents are then computed again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def cache_folder(kind: str) -> Path:
    """Return the folder for one kind of entry, in RLBENCH_CACHE, XDG_CACHE_HOME/rlbench or ~/.cache/rlbench."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.path.expanduser(os.environ.get("RLBENCH_CACHE") or os.path.join(home, "rlbench")), kind)


def remember(path: Path, entry: Mapping[str, Any]) -> None:
    """Write one JSON entry atomically. Errors are ignored, because without the cache everything works, only slower."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(entry), "utf-8")
        os.replace(temporary, path)


def recall(path: Path) -> dict[str, Any] | None:
    """Return an entry, or None if there is none or it cannot be read."""
    with suppress(OSError, ValueError):
        entry = json.loads(path.read_text("utf-8"))
        return entry if isinstance(entry, dict) else None
    return None
