"""What an executor is given: groups that still have to be run, each with the checkpoint it can go on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import RunGroup

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A group and the folder of the attempt that will run it. resumed_from: the step it goes on from, 0: the start.

    notice: something to say of how it starts.
    """

    group: RunGroup
    attempt: Path
    resumed_from: int
    plugin_files: tuple[str, ...] = ()
    notice: str = ""


# Told what happens: {"event": "started" | "progress" | "evaluated" | "notice" | "finished", …}. A notice that is the
# same for many groups has "once".
Listen = Callable[[Job, Event], None]
# Asked when a group's process was killed from outside: jobs that go on with its runs, none if it has had its chances.
Retry = Callable[[Job], Sequence[Job]]


@dataclass(frozen=True)
class Context:
    """What an executor works under. stop_after: seconds after which it stops as by Ctrl-C; say: a line for the user."""

    workers: int
    listen: Listen
    retry: Retry
    stop_after: float | None = None
    say: Callable[[str], None] = print
