"""Progress as a few plain lines on stderr, for logs and for terminals that cannot draw."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlbench.api import EndEvent, EvaluationEvent, NoticeEvent, StartEvent
from rlbench.cli.progress.phrases import ending_line, group_name, mean, opening_line
from rlbench.cli.text_table import plain
from rlbench.text import log_time

if TYPE_CHECKING:
    from rlbench.api import Event, Job
    from rlbench.results import Store
    from rlbench.suites import Plan

SECONDS_BETWEEN_LINES = 60.0


class LineReporter:
    """Prints progress lines to stderr; if quiet, only warnings. A closed stderr does not stop training.

    Implements rlbench.runner.ProgressReporter.
    """

    def __init__(self, quiet: bool, seconds_between_lines: float = SECONDS_BETWEEN_LINES) -> None:
        self._quiet, self._began, self._between = quiet, time.monotonic(), seconds_between_lines
        self._last_line: dict[Path, float] = {}
        self._printed_notices: set[str] = set()

    def say(self, text: str) -> None:
        if not self._quiet:
            self.warn(text)

    def warn(self, text: str) -> None:
        if sys.stderr is None:  # closed before this process started; print would write to stdout, which carries data
            return
        try:
            print("\n".join(map(plain, text.split("\n"))), file=sys.stderr, flush=True)
        except (OSError, ValueError):  # closed by its reader, or before this process started
            self._quiet = True

    def begin(self, planned: Plan, todo: Sequence[Job], store: Store, workers: int) -> None:
        self.say(opening_line(planned, todo, store))

    def event(self, job: Job, event: Event) -> None:
        name = group_name(job.group)
        if isinstance(event, StartEvent):
            origin = f" from step {job.resumed_from}" if job.resumed_from else ""
            count, word = len(job.group.seeds), "runs" if job.group.variants else "seeds"
            self._say_with_time(f"{name}: started{origin}" + (f", {count} {word}" if count > 1 else ""))
            if job.notice:
                self._say_with_time(f"{name}: {job.notice}")
        elif isinstance(event, EvaluationEvent):
            self._evaluated(job, name, event)
        elif isinstance(event, NoticeEvent) and event.once:
            if event.message not in self._printed_notices:
                self._printed_notices.add(event.message)
                self.warn(event.message)
        elif isinstance(event, NoticeEvent):
            self._say_with_time(f"{name}: {event.message}")
        elif isinstance(event, EndEvent):
            self._say_with_time(f"{name}: {ending_line(job, event)}")

    def _evaluated(self, job: Job, name: str, event: EvaluationEvent) -> None:
        is_final = event.kind == "final"
        now = time.monotonic()
        if is_final or now - self._last_line.get(job.attempt, float("-inf")) >= self._between:
            self._last_line[job.attempt] = now
            where = "final policy" if is_final else f"step {event.step} of {job.group.task.steps}"
            self._say_with_time(f"{name}: {where}, mean return {mean(event.returns):.1f}")

    def _say_with_time(self, text: str) -> None:
        self.say(f"[{log_time(time.monotonic() - self._began)}] {text}")

    def end(self) -> None:
        pass
