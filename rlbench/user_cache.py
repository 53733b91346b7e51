"""The user's cache folder. Its files may be deleted at any time; rlbench then computes their contents again."""

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
    """Write one JSON entry atomically. Ignore errors, because everything works without the cache, only slower."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(entry), "utf-8")
        os.replace(temporary, path)


def recall(path: Path) -> dict[str, Any] | None:
    """Return the JSON entry at `path`, or None if it does not exist or cannot be read."""
    with suppress(OSError, ValueError):
        entry = json.loads(path.read_text("utf-8"))
        return entry if isinstance(entry, dict) else None
    return None
