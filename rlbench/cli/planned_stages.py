"""The curricula of a suite, as `check` prints them: a line on the stages, and warnings of returns out of reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator

from rlbench.api import Task
from rlbench.results.score_anchors import Anchors, anchors_of
from rlbench.suites import Suite
from rlbench.suites.planned_tasks import planned_task
from rlbench.text import join_names


def stage_lines(suite: Suite, names: Collection[str]) -> list[str]:
    """Return the lines about curricula. names: the environments to describe; those without a curriculum are skipped."""
    tasks = [planned_task(suite, entry, entry.steps) for entry in suite.environments if entry.name in names]
    return [line for task in tasks if task.curriculum is not None for line in _lines(suite, task)]


def _lines(suite: Suite, task: Task) -> Iterator[str]:
    *others, target = task.training_tasks
    assert task.curriculum is not None
    stages = task.curriculum.stages
    if task.curriculum.sampler:
        chosen = join_names([*(one.env_id for one in others), f"{target.env_id} itself"])
        yield f"{task.name}: the sampler {task.curriculum.sampler} chooses each episode among {chosen}"
        return
    parts = [f"{k}. {stage.env_id} until {stage.until}" for k, stage in enumerate(stages, 1)]
    yield f"{task.name}: trains in {', '.join(parts)}, then in {target.env_id} itself"
    for k, (stage, one) in enumerate(zip(stages, others), 1):
        anchors = _anchors(suite, one, target)
        if stage.mean_return is not None and anchors is not None and stage.mean_return > anchors.upper:
            solved = f"{one.env_id} counts as solved at {anchors.upper:g}, its upper anchor"
            asked = f"asks for a mean return of {stage.mean_return:g}"
            yield f"{task.name}: stage {k} {asked}, but {solved}; check that a policy can reach this return"


def _anchors(suite: Suite, one: Task, target: Task) -> Anchors | None:
    """Return the anchors of a stage's task `one`.

    The suite's own anchors are the target's, so they apply only to a stage whose task equals the target.
    """
    own = suite.resolved() if one == target else {}
    return anchors_of(own, {target.name: dataclasses.replace(one, label="")}).get(target.name)
