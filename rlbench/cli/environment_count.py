"""The number of environments that a suite creates. Simulators may be large, or allow only a few instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlbench.text import plural

if TYPE_CHECKING:
    from rlbench.api import RunGroup

MOST_UNSAID = 50


def environment_count(groups: Sequence[RunGroup], workers: int) -> list[str]:
    """Return a line with the number of environments that runs create; no line if they are few and the suite sets no
    limit.

    groups: for each run to train, the group that it belongs to. workers: number of groups run at a time. Vectorised
    environments are not counted, since they are rows of arrays.
    """
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.name] += _for_a_seed(group)
    total, at_once = sum(counts.values()), sum(sorted(counts.values())[-workers:])
    limited = any(group.task.evaluation.environments is not None for group in groups)
    if not total or (total <= MOST_UNSAID and not limited):
        return []
    advice = "" if limited else "; `evaluation: {environments: 1}` makes only one for the evaluation of each seed"
    return [f"{plural(total, 'environment')} will be made, at most {at_once:,} at a time{advice}"]


def _for_a_seed(group: RunGroup) -> int:
    """Return how many environments a seed needs, for training and evaluation together."""
    from rlbench.api import environments_of
    from rlbench.envs.vectorized_classic import dynamics_of
    from rlbench.runtime.evaluation import evaluation_environments

    if dynamics_of(group.task) is not None and group.task.curriculum is None:
        return 0
    training = environments_of(group.config) * len(group.task.training_tasks)
    return training + evaluation_environments(group.task.evaluation)
