"""What `rlbench run` says on stderr while it works: plain lines, a few a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.executors import Job
    from rlbench.plugins import Plugins
    from rlbench.results import Store
    from rlbench.suites import Plan

SECONDS_BETWEEN_LINES = 5.0


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class Talk:
    """Lines on stderr; warnings are said even when quiet. A reader that has gone away stops no training."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._began = quiet, time.monotonic()

    def say(self, text: str) -> None:
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            self._quiet = True

    def timed(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self.say(f"[{minutes:02d}:{seconds:02d}] {text}")

    def begin(self, planned: Plan, todo: Sequence[Job], total: int, store: Store) -> None:
        left = sum(len(job.group.seeds) for job in todo)
        stacked = f" in {plural(len(todo), 'group')} of seeds that train together" if todo else ""
        self.say(f"{planned.suite.name}: {plural(total, 'run')}, {left} to do{stacked}, results in {store.root}")


class Listener:
    """Turns what executors tell into lines and observer calls."""

    def __init__(self, talk: Talk, plugins: Plugins) -> None:
        self._talk, self._plugins = talk, plugins
        self._said: dict[Path, float] = {}

    def __call__(self, job: Job, event: Mapping[str, Any]) -> None:
        group, kind = job.group, event["event"]
        seeds = f", seed {group.seeds[0]}" if len(group.seeds) == 1 else ""
        name = f"{group.label or group.algorithm} on {group.task.env_id}{seeds}"
        if kind == "started":
            origin = f" from step {job.resumed_from}" if job.resumed_from else ""
            self._talk.timed(f"{name}: started{origin}" + ("" if seeds else f", {len(group.seeds)} seeds"))
            if job.notice:
                self._talk.timed(f"{name}: {job.notice}")
            self.observe("rlbench_group_started", group=group)
        elif kind == "evaluated":
            self._evaluated(job, name, event)
        elif kind == "notice":
            self._talk.timed(f"{name}: {event['message']}")
        elif kind == "finished":
            self._finished(job, name, str(event["status"]), event.get("message", ""))

    def _evaluated(self, job: Job, name: str, event: Mapping[str, Any]) -> None:
        returns, final = event["returns"], event["kind"] == "final"
        now = time.monotonic()
        if final or now - self._said.get(job.attempt, float("-inf")) >= SECONDS_BETWEEN_LINES:
            self._said[job.attempt] = now
            where = "final policy" if final else f"step {event['step']} of {job.group.task.steps}"
            self._talk.timed(f"{name}: {where}, mean return {sum(returns) / len(returns):.1f}")
        self.observe("rlbench_evaluated", group=job.group, kind=event["kind"], step=event["step"], returns=returns)

    def _finished(self, job: Job, name: str, status: str, message: str) -> None:
        log = f"; log: {job.attempt / 'stderr.log'}" if status == "failed" or "killed" in message else ""
        self._talk.timed(f"{name}: {status}" + (f": {message}" if message else "") + log)
        self.observe("rlbench_group_finished", group=job.group, status=status)

    def observe(self, hook: str, **arguments: Any) -> None:
        for problem in self._plugins.notify(hook, **arguments):
            self._talk.warn(problem)
