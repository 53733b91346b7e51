"""The complete lines that another process has appended to a file since the last look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlbench.results.file_io import open_regular, refuse_too_many_values

MOST_AT_ONCE = 8 << 20  # bytes: about a tenth of a second; the rest is read at the next look


class GrowingFile:
    """A file of JSON lines, read from where the last look ended. Lines that are not a JSON object are skipped."""

    def __init__(self, path: Path, most: int = MOST_AT_ONCE) -> None:
        self._path, self._most, self._position = path, most, 0

    def rows(self) -> list[dict[str, Any]]:
        """Return the objects in the next complete lines, up to `most` bytes; [] if the file cannot be read."""
        try:
            with open_regular(self._path) as file:
                file.seek(self._position)
                content = file.read(self._most)
        except OSError:
            return []
        complete, newline, _ = content.rpartition(b"\n")
        if not newline and len(content) == self._most:
            complete = content  # no record is so long, so this part of the line is skipped
        self._position += len(complete) + len(newline)
        rows = []
        for line in complete.split(b"\n"):
            try:
                refuse_too_many_values(line)
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                rows.append(row)
        return rows
