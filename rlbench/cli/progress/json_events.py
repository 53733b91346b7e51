"""`rlbench run --json`: what happens, as one JSON object a line on stdout, for programs that drive rlbench."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlbench.cli.text_table import write_out

if TYPE_CHECKING:
    from rlbench.executors import Job
    from rlbench.results import Store
    from rlbench.runner import Watch
    from rlbench.suites import Plan


class Events:
    """Writes events to stdout; what is said to people goes on to another watch. Implements rlbench.executors.Watch.

    Lines have "event": "suite" (name, folder, runs, todo), "started", "progress", "evaluated", "notice" or "finished",
    the last five with algorithm, environment and seeds. `--until-decided` has a "suite" for each look and, at the end,
    "decisions": the design, every pair at each look, and how many runs it took.
    """

    def __init__(self, people: Watch) -> None:
        self._people = people
        self.say, self.warn, self.end = people.say, people.warn, people.end

    def begin(self, planned: Plan, todo: Sequence[Job], store: Store, workers: int) -> None:
        left = sum(len(job.group.seeds) for job in todo)
        self._write(
            {
                "event": "suite",
                "name": planned.suite.name,
                "folder": str(store.root),
                "runs": planned.runs,
                "todo": left,
            }
        )
        self._people.begin(planned, todo, store, workers)

    def event(self, job: Job, event: Mapping[str, Any]) -> None:
        group = job.group
        told = {"algorithm": group.label or group.algorithm, "environment": group.task.env_id, "seeds": group.seeds}
        self._write({"event": event["event"], **told, **{k: v for k, v in event.items() if k != "event"}})
        self._people.event(job, event)

    def _write(self, event: Mapping[str, Any]) -> None:
        write_out(json.dumps(event) + "\n")
