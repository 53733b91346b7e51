"""Groups whose workers are small scripts that start in milliseconds, for what the harness does with a worker."""

import sys

from rlbench.api import EvaluationProtocol, ExecutorContext, Job, RunGroup, Task
from rlbench.executors import local
from rlbench.executors.events import read_end

GROUP = RunGroup("script", {}, Task("CartPole-v1", 100, EvaluationProtocol()), (0,))
PRELUDE = """
import json, os, signal, sys, time
control = int(sys.argv[-1].partition("=")[2].partition(",")[0])
def send(data): os.write(control, data)
def event(**parts): send(b"\\n" + json.dumps(parts).encode() + b"\\n")
def finish(status="done", message=""): event(event="finished", status=status, message=message)
"""


def jobs(folder, *scripts, group=GROUP):
    """One job for each script, which may call `send(bytes)`, `event(**parts)` and `finish(status, message)`."""
    made = []
    for number, script in enumerate(scripts):
        attempt = folder / "attempts" / f"script-{number}"
        attempt.mkdir(parents=True)
        made.append(Job(group, attempt, (sys.executable, "-S", "-E", "-c", PRELUDE + script)))
    return made


class Events(list):
    """What an executor reported: pairs of a job and an event. said: lines for the user."""

    def __init__(self):
        super().__init__()
        self.said = []

    def __call__(self, job, event):
        self.append((job, event))

    def of(self, kind):
        return [event for _, event in self if isinstance(event, kind)]


def execute(todo, workers=2, retry=lambda job: (), events=None):
    """Run jobs by the executor `local`. Returns: what it reported, also to `events`, if given."""
    events = Events() if events is None else events
    context = ExecutorContext(workers, events, retry, lambda job: read_end(job.attempt), say=events.said.append)
    local.execute(todo, context)
    return events
