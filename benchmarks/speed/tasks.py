"""A work's environment as a task of rlbench."""

from __future__ import annotations

from benchmarks.speed.works import Work
from rlbench.api import EvaluationProtocol, Task, Wrapper

IMAGES = Wrapper("rlbench.envs.image_observation:ImageObservation")


def task_of(work: Work, steps: int = 1, backend: str = "gymnasium") -> Task:
    """Return the task, with one evaluation at its end."""
    partial = Wrapper("rlbench:PartialObservation", {"keep": list(work.keep)})
    wrappers = (IMAGES,) * bool(work.images) + (partial,) * bool(work.keep)
    return Task(work.env_id, steps, EvaluationProtocol(0, 1, 1), wrappers=wrappers, backend=backend)
