"""What `rlbench run` says on stderr while it works, where stderr is no terminal: plain lines, few of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlbench.cli.text_table import plain
from rlbench.cli.user_paths import shown

if TYPE_CHECKING:
    from rlbench.api import RunGroup
    from rlbench.executors import Job
    from rlbench.results import Store
    from rlbench.runner import Watch
    from rlbench.suites import Plan

SECONDS_BETWEEN_LINES = 60.0
LONGEST_MESSAGE = 500


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def watcher(quiet: bool, verbose: bool = False) -> Watch:
    """A live board on a terminal that can show one, plain lines otherwise; verbose: a line for every evaluation."""
    from rlbench.cli.progress.live import Board, can_show_a_board

    if not quiet and not verbose and can_show_a_board():
        return Board()
    return Talk(quiet, 0.0 if verbose else SECONDS_BETWEEN_LINES)


def group_name(group: RunGroup) -> str:
    seeds = f", seed {group.seeds[0]}" if len(group.seeds) == 1 else ""
    return f"{group.label or group.algorithm} on {group.task.env_id}{seeds}"


def opening(planned: Plan, todo: Sequence[Job], store: Store) -> str:
    """The first line: how many runs there are and how many are to do."""
    left = sum(len(job.group.seeds) for job in todo)
    stacked = f" in {plural(len(todo), 'group')} of seeds" if todo else ""
    return f"{planned.suite.name}: {plural(planned.runs, 'run')}, {left} to do{stacked}, results in {shown(store.root)}"


def ending(job: Job, event: Mapping[str, Any], how: str = "") -> str:
    """How a group ended: its status, `how`, why, and where its log is when there is something to read."""
    message = " ".join(str(event.get("message", "")).split())
    message = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + " …"
    log = job.attempt / "stderr.log"
    bad = event["status"] in ("failed", "timeout", "stalled") or "killed" in message
    said = f"{event['status']}{how}" + (f": {message}" if message else "")
    return said + (f"; log: {shown(log)}" if bad and log.exists() else "")


class Talk:
    """Lines on stderr; warnings are said even when quiet. A reader that has gone away stops no training."""

    def __init__(self, quiet: bool, seconds_between_lines: float = SECONDS_BETWEEN_LINES) -> None:
        self._quiet, self._began, self._between = quiet, time.monotonic(), seconds_between_lines
        self._said: dict[Path, float] = {}
        self._heard: set[str] = set()

    def say(self, text: str) -> None:
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        if sys.stderr is None:  # closed from the start; print would take stdout instead, where there is data
            return
        try:
            print("\n".join(map(plain, text.split("\n"))), file=sys.stderr, flush=True)
        except (OSError, ValueError):  # closed by its reader, or closed from the start
            self._quiet = True

    def begin(self, planned: Plan, todo: Sequence[Job], store: Store, workers: int) -> None:
        self.say(opening(planned, todo, store))

    def event(self, job: Job, event: Mapping[str, Any]) -> None:
        name, kind = group_name(job.group), event["event"]
        if kind == "started":
            origin = f" from step {job.resumed_from}" if job.resumed_from else ""
            count = len(job.group.seeds)
            self._timed(f"{name}: started{origin}" + (f", {count} seeds" if count > 1 else ""))
            if job.notice:
                self._timed(f"{name}: {job.notice}")
        elif kind == "evaluated":
            self._evaluated(job, name, event)
        elif kind == "notice" and event.get("once"):
            if event["message"] not in self._heard:
                self._heard.add(event["message"])
                self.warn(event["message"])
        elif kind == "notice":
            self._timed(f"{name}: {event['message']}")
        elif kind == "finished":
            self._timed(f"{name}: {ending(job, event)}")

    def _evaluated(self, job: Job, name: str, event: Mapping[str, Any]) -> None:
        returns, final = event["returns"], event["kind"] == "final"
        now = time.monotonic()
        if final or now - self._said.get(job.attempt, float("-inf")) >= self._between:
            self._said[job.attempt] = now
            where = "final policy" if final else f"step {event['step']} of {job.group.task.steps}"
            self._timed(f"{name}: {where}, mean return {sum(returns) / len(returns):.1f}")

    def _timed(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self.say(f"[{minutes:02d}:{seconds:02d}] {text}")

    def end(self) -> None:
        pass
