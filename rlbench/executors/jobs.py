"""The input of an executor: groups that still have to be trained, each with the checkpoint to resume from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import RunGroup

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A group and the folder of its attempt. resumed_from: the step it resumes from, 0 for a fresh start.

    notice: a remark on how it starts, for the user.
    """

    group: RunGroup
    attempt: Path
    resumed_from: int
    plugin_files: tuple[str, ...] = ()
    notice: str = ""


# Receives {"event": "started" | "progress" | "evaluated" | "notice" | "finished", …}. A notice that may be the same for
# many groups has the key "once".
EventListener = Callable[[Job, Event], None]
# Called when a group's process was killed from outside. Returns the jobs that resume its runs, none when no retry
# remains.
Retry = Callable[[Job], Sequence[Job]]


@dataclass(frozen=True)
class Context:
    """Settings and callbacks of an executor. stop_after: seconds after which it stops as by Ctrl-C; say: shows a line
    to the user.
    """

    workers: int
    listen: EventListener
    retry: Retry
    stop_after: float | None = None
    say: Callable[[str], None] = print
