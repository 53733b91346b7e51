"""`rlbench run --json`: events as JSON on stdout, one object per line, for programs that drive rlbench."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlbench.cli.text_table import write_out
from rlbench.executors.events import event_as_dict, of_each_setting

if TYPE_CHECKING:
    from rlbench.api import Event, Job
    from rlbench.results import Store
    from rlbench.runner import ProgressReporter
    from rlbench.suites import Plan


class JsonReporter:
    """Writes events to stdout and passes messages for people to another reporter. Implements ProgressReporter.

    Each line is an object with the key "event". "suite" has name, folder, runs and todo. "started", "progress",
    "evaluated", "notice" and "finished" have algorithm, environment and seeds, one line for each setting of a stack.
    With `--until-decided`, there is a "suite" for each interim analysis and, at the end, "decisions": the design, every
    pair at each interim analysis, and the number of runs.
    """

    def __init__(self, messages: ProgressReporter) -> None:
        self._messages = messages
        self.say, self.warn, self.end = messages.say, messages.warn, messages.end

    def begin(self, planned: Plan, todo: Sequence[Job], store: Store, workers: int) -> None:
        count = sum(len(job.group.seeds) for job in todo)
        self._write(
            {
                "event": "suite",
                "name": planned.suite.name,
                "folder": str(store.root),
                "runs": planned.runs,
                "todo": count,
            }
        )
        self._messages.begin(planned, todo, store, workers)

    def event(self, job: Job, event: Event) -> None:
        for group, own in of_each_setting(job.group, event):
            names = {"algorithm": group.label or group.algorithm, "environment": group.task.name, "seeds": group.seeds}
            entries = event_as_dict(own)
            self._write({"event": entries.pop("event"), **names, **entries})
        self._messages.event(job, event)

    def _write(self, event: Mapping[str, Any]) -> None:
        write_out(json.dumps(event) + "\n")
