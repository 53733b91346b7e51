"""Events of a job whose process runs on another machine, read from the files that the process writes."""

from __future__ import annotations

from rlbench.api import EndEvent, EvaluationEvent, Event, Job, ProgressEvent, StoreError
from rlbench.executors.events import read_end
from rlbench.results.attempt_progress import heartbeat
from rlbench.results.jsonl_records import read_lines


class AttemptWatch:
    """A reader of what has happened in a job's attempt folder since it was last read."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._beat = (0, 0)
        self._size = 0  # bytes of evaluations.jsonl when it was read
        self._reported: set[tuple[str, int]] = set()

    def progress(self) -> list[Event]:
        """Return new progress and evaluations, in order."""
        events: list[Event] = []
        beat = heartbeat(self.job.attempt)
        if beat != self._beat:
            self._beat = beat
            events.append(ProgressEvent(step=beat[1], pulse=beat[0]))
        return [*self._evaluations(), *events]

    def end(self) -> EndEvent | None:
        """Return how the job ended; None while it runs, or while its exit.json is not visible on this machine yet."""
        return read_end(self.job.attempt) if (self.job.attempt / "exit.json").exists() else None

    def _evaluations(self) -> list[EvaluationEvent]:
        """Return new evaluations that are complete (every seed's return is written), after the step of resuming."""
        path = self.job.attempt / "evaluations.jsonl"
        try:
            size = path.stat().st_size
            if size == self._size:
                return []
            self._size = size
            means: dict[tuple[str, int], dict[int, float]] = {}
            for row in read_lines(path):
                means.setdefault((row["kind"], row["step"]), {})[row["seed"]] = float(row["return_mean"])
        except (OSError, StoreError, KeyError, TypeError, ValueError):
            return []
        found, members = [], self.job.group.members
        for (kind, step), by_member in means.items():
            is_new = step > self.job.resumed_from and (kind, step) not in self._reported
            if is_new and all(member in by_member for member in members):
                self._reported.add((kind, step))
                found.append(EvaluationEvent(kind, step, tuple(by_member[member] for member in members)))
        return found
