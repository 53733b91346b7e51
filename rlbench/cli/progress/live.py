"""Progress as a live table on a terminal: one line per running group, and totals with the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlbench.api import EndEvent, EvaluationEvent, NoticeEvent, StartEvent
from rlbench.cli.progress.board import board
from rlbench.cli.progress.phrases import ending_line, group_name, mean, opening_line
from rlbench.cli.text_table import plain
from rlbench.text import clock, plural

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rlbench.api import Event, Job
    from rlbench.results import Store
    from rlbench.suites import Plan

FRAMES_PER_SECOND = 2
_STYLES = {"done": "green", "diverged": "yellow", "interrupted": "yellow"}


class _GroupProgress:
    """A running group, its step and its speed. Evaluations count as time spent, so they lower the speed."""

    def __init__(self, job: Job, expected: float | None) -> None:
        self._expected = expected
        self.job, self.began, self.step = job, time.monotonic(), job.resumed_from
        # Time and step of the first progress. The speed is counted from here, so it leaves out the time to start up.
        self._first: tuple[float, int] | None = None
        self.returns: Sequence[float] = ()

    def advance(self, step: int) -> None:
        if self._first is None and step > self.job.resumed_from:
            self._first = (time.monotonic(), step)
        self.step = max(self.step, step)

    @property
    def rate(self) -> float | None:
        """Steps of one seed per second, or None as long as the speed is unknown."""
        if self._first is None or self.step == self._first[1]:
            return None
        return (self.step - self._first[1]) / max(time.monotonic() - self._first[0], 1e-6)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the group ends, or None as long as they are unknown."""
        steps = self.job.group.task.steps - self.step
        if self.rate is not None:
            return steps / self.rate
        if self._expected is None:
            return None
        return max(0.0, self._expected - (time.monotonic() - self.began))


class LiveReporter:
    """Draws a table with rich on stderr; messages scroll above it. Implements rlbench.runner.ProgressReporter."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._live: Any = None
        self._lines: dict[Any, _GroupProgress] = {}
        self._waiting: list[Job] = []
        self._expected: dict[Any, float | None] = {}
        self._ended: dict[str, str] = {}  # by key: the last status of runs that have ended and not started again
        self._printed_notices: set[str] = set()
        self._workers, self._began = 1, time.monotonic()

    # -- events --------------------------------------------------------------------------------------------
    def say(self, text: str) -> None:
        self._print(text)

    def warn(self, text: str) -> None:
        self._print(text, "yellow")

    def _print(self, text: str, style: str | None = None) -> None:
        from rich.text import Text

        self._console.print(Text("\n".join(map(plain, text.split("\n"))), style=style or ""), soft_wrap=True)

    def begin(self, planned: Plan, todo: Sequence[Job], store: Store, workers: int) -> None:
        from rich.live import Live

        from rlbench.results.cost_estimates import estimate_seconds

        self._expected = {
            job.attempt: estimate_seconds(job.group, job.group.task.steps - job.resumed_from) for job in todo
        }
        self._print(opening_line(planned, todo, store))
        self._waiting, self._workers, self._began = list(todo), workers, time.monotonic()
        if todo:
            self._live = Live(
                get_renderable=self._draw,
                console=self._console,
                refresh_per_second=FRAMES_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def event(self, job: Job, event: Event) -> None:
        line = self._lines.get(job.attempt)
        if isinstance(event, StartEvent):
            self._waiting = [other for other in self._waiting if other.attempt != job.attempt]
            for run in job.group.runs:
                self._ended.pop(run.key, None)
            self._lines[job.attempt] = _GroupProgress(job, self._expected.get(job.attempt))
            if job.notice:
                self.say(f"{group_name(job.group)}: {job.notice}")
        elif isinstance(event, NoticeEvent) and event.once:
            if event.message not in self._printed_notices:
                self._printed_notices.add(event.message)
                self.warn(event.message)
        elif isinstance(event, NoticeEvent):
            self.say(f"{group_name(job.group)}: {event.message}")
        elif isinstance(event, EndEvent):
            self._finished(job, event)
        elif line is not None:
            line.advance(event.step)
            if isinstance(event, EvaluationEvent):
                line.returns = event.returns

    def _finished(self, job: Job, event: EndEvent) -> None:
        line, status = self._lines.pop(job.attempt, None), str(event.status)
        self._ended |= {run.key: status for run in job.group.runs}
        seconds = f" in {clock(time.monotonic() - line.began)}" if line is not None else ""
        score = f", mean return {mean(line.returns):.1f}" if line is not None and line.returns else ""
        self._print(f"{group_name(job.group)}: {ending_line(job, event, seconds + score)}", _STYLES.get(status, "red"))

    # -- drawing --------------------------------------------------------------------------------------------
    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        table = board([_cells(line) for line in self._lines.values()], self._console.width)
        return Group(table, Text(self._footer(), style="dim"))

    def _footer(self) -> str:
        running = sum(len(line.job.group.seeds) for line in self._lines.values())
        waiting = sum(len(job.group.seeds) for job in self._waiting)
        counts = [f"{count} {status}" for status, count in sorted(Counter(self._ended.values()).items())]
        parts = [*counts, f"{running} running"] + ([f"{waiting} waiting"] if waiting else [])
        eta = self._eta()
        left = f", about {clock(eta)} left" if eta is not None else ""
        total = plural(running + waiting + len(self._ended), "run")
        return f"{total}: {', '.join(parts)}; {clock(time.monotonic() - self._began)}{left}"

    def _eta(self) -> float | None:
        """Return the seconds until everything is done, or None if they are unknown.

        A waiting group's time is estimated from similar groups that ran on this machine. The workers run groups
        in parallel, so the sum of the times is divided by their number.
        """
        running = [line.seconds_left for line in self._lines.values()]
        waiting = [self._expected.get(job.attempt) for job in self._waiting]
        known = [seconds for seconds in (*running, *waiting) if seconds is not None]
        if len(known) < len(running) + len(waiting):
            return None
        return max([sum(known) / self._workers, *known], default=None)


def _cells(line: _GroupProgress) -> list[str]:
    group, rate, left = line.job.group, line.rate, line.seconds_left
    share = f"{100 * line.step // group.task.steps:3d} %"
    return [
        plain(group_name(group)),
        f"{line.step:,} {share}",
        f"{mean(line.returns):.1f}" if line.returns else "–",
        f"{rate * len(group.seeds):,.0f}" if rate is not None else "compiling" if group.compile else "–",
        clock(left) if left is not None else "–",
    ]
