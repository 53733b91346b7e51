"""The queue of a result folder: the groups that other machines train or will train.

queue/<attempt>.waiting         the command that trains the attempt's group
queue/<attempt>.taken.<holder>  the same command, once the process <holder> has taken the group
queue/<attempt>.continued.<new> the attempt was interrupted, and the attempt <new> continues it

A process takes a group by renaming its file. Only one process can succeed, on network file systems too. The queue
contains work, not results: the folder of an attempt records how the attempt ended.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import LockedError
from rlbench.process_control import failpoint
from rlbench.results.file_io import make_folder, parse_json, refuse_outside, write_json
from rlbench.text import plural

_NAME = re.compile(r"(?P<attempt>.+)\.(?:waiting|taken\.(?P<holder>[\w-]+))")
_CONTINUED = re.compile(r"(?P<attempt>.+)\.continued\.(?P<new>.+)")


@dataclass(frozen=True)
class QueueEntry:
    """A group in the queue. attempt: the folder of its attempt. holder: who has taken the group; "" if nobody has."""

    attempt: Path
    holder: str = ""

    @property
    def path(self) -> Path:
        state = f"taken.{self.holder}" if self.holder else "waiting"
        return self.attempt.parent.parent / "queue" / f"{self.attempt.name}.{state}"

    def command(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the command that trains the group, and the plugin files it loads. Raises: OSError or ValueError."""
        document = parse_json(self.path)
        try:
            command, files = document["command"], document["plugin_files"]
            if all(isinstance(part, str) for part in (*command, *files)):
                return tuple(command), tuple(files)
        except (KeyError, TypeError):
            pass
        raise ValueError("it is not a command")


class JobQueue:
    """The queue of the result folder `root`. If the folder `queue` does not exist, the queue is empty."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self.folder = self._root / "queue"

    def entries(self) -> list[QueueEntry]:
        """Return the entries, sorted by the names of their attempts."""
        try:
            names = sorted(os.listdir(self.folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = filter(None, map(_NAME.fullmatch, names))
        return [QueueEntry(self._root / "attempts" / parts["attempt"], parts["holder"] or "") for parts in found]

    def refuse_entries(self) -> None:
        """Check that the queue is empty. Raises: LockedError."""
        if entries := self.entries():
            raise LockedError(
                f"{self._root}: {plural(len(entries), 'group')} queued or running on a cluster; to continue them, "
                f"use the same --executor as before; if none of its tasks is left, remove {self.folder}"
            )

    def add(self, attempt: Path, command: Sequence[str], plugin_files: Sequence[str]) -> None:
        """Add a group. Raises: StoreError, DiskFull or OSError if it cannot be written."""
        refuse_outside(self._root, self.folder)
        make_folder(self.folder)
        value: dict[str, Any] = {"command": list(command), "plugin_files": list(plugin_files)}
        write_json(QueueEntry(attempt).path, value)

    def take(self, entry: QueueEntry, holder: str) -> QueueEntry | None:
        """Take a waiting group. Returns: the entry, or None if somebody else has taken it."""
        taken = QueueEntry(entry.attempt, holder)
        try:
            os.rename(entry.path, taken.path)
        except FileNotFoundError:
            # If a file server renamed the file but its answer was lost, it is asked again, and finds no file.
            return taken if taken.path.exists() else None
        return taken

    def release(self, entry: QueueEntry) -> None:
        """Give back a group that was taken but not trained, so that another process can take it."""
        with suppress(FileNotFoundError):
            os.rename(entry.path, QueueEntry(entry.attempt).path)

    def continue_as(self, entry: QueueEntry, new: Path, command: Sequence[str], plugin_files: Sequence[str]) -> None:
        """Replace the entry of an interrupted attempt by one for the attempt `new`, which continues it."""
        self.add(new, command, plugin_files)
        failpoint("continuation-added")
        with suppress(FileNotFoundError):
            os.rename(entry.path, self.folder / f"{entry.attempt.name}.continued.{new.name}")

    def continuations(self) -> dict[str, str]:
        """Return, for each interrupted attempt that was continued, the name of the attempt that continues it."""
        try:
            names = os.listdir(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {parts["attempt"]: parts["new"] for parts in filter(None, map(_CONTINUED.fullmatch, names))}

    def forget_continuations(self) -> None:
        """Remove the files that `continuations` reads."""
        for attempt, new in self.continuations().items():
            (self.folder / f"{attempt}.continued.{new}").unlink(missing_ok=True)

    def remove(self, entry: QueueEntry) -> None:
        """Remove an entry. Nothing happens if there is none."""
        with suppress(FileNotFoundError):
            entry.path.unlink()
