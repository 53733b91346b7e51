"""The executor `serial`: one group after the other in this process, for debugging and notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rlbench.api import ExecutorSpec, hookimpl
from rlbench.executors.jobs import Job, Listen
from rlbench.executors.work import Attempt


def execute(jobs: Sequence[Job], workers: int, listen: Listen) -> None:
    """Run `jobs` in order; `workers` is ignored. Ctrl-C ends the running group as failed and goes up."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for job in jobs:
        listen(job, {"event": "started"})
        Attempt(job.attempt, lambda event, job=job: listen(job, event)).run()  # type: ignore[misc]


@hookimpl
def rlbench_executors() -> list[ExecutorSpec]:
    return [ExecutorSpec("serial", execute)]
