"""Progress through the stages of a curriculum: the last stage of each run, and the step at which it entered the target.

A run that never enters the target is evaluated on it nevertheless, so its score does not show how far it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rlbench.analysis.final_scores import Sample, Scores
from rlbench.api import STAGE_METRIC, Run, StoreError
from rlbench.results import RunState, Store
from rlbench.results.parquet_reader import equals, numbers
from rlbench.results.run_facts import read_arrow


@dataclass(frozen=True)
class TargetEntry:
    """How many of `runs` entered the target, and the median of the environment steps at which they did.

    A run that never entered the target counts as later than any step. median is None if half of the runs never did.
    """

    runs: int
    entered: int
    median: float | None


def with_stages(scores: Scores, store: Store, runs: Mapping[str, Run], states: Mapping[str, RunState]) -> Scores:
    """Return the scores, with the last stage of each run whose task has stages. runs, states: by key.

    Only the metrics of these runs are read. Runs whose stage is unknown, such as imported runs, have no entry.
    """
    samples = {
        pair: replace(sample, stages=_last_stages(sample, store, runs, states)) if _has_stages(sample) else sample
        for pair, sample in scores.samples.items()
    }
    return replace(scores, samples=samples)


def stage_notes(samples: Iterable[Sample]) -> list[str]:
    """Return one sentence for each stage that some runs of a sample never left. Random policies are skipped."""
    return [note for sample in samples if sample.stages and not sample.random for note in _notes(sample)]


def target_entry(sample: Sample) -> TargetEntry | None:
    """Return when the sample's runs entered the target; None if the task has no stages or no run's stage is known."""
    curriculum = sample.task.curriculum
    if curriculum is None or not sample.stages:
        return None
    target = len(curriculum.stages) + 1
    steps = [float(step) if stage == target else np.inf for stage, step in sample.stages.values()]
    middle = float(np.median(steps))
    return TargetEntry(len(steps), int(np.isfinite(steps).sum()), middle if np.isfinite(middle) else None)


def _has_stages(sample: Sample) -> bool:
    curriculum = sample.task.curriculum
    return curriculum is not None and not curriculum.sampler


def _last_stages(
    sample: Sample, store: Store, runs: Mapping[str, Run], states: Mapping[str, RunState]
) -> dict[str, tuple[int, int]]:
    found = {}
    for key in sample.keys:
        try:
            metrics = read_arrow(store.folder(runs[key]), "metrics", states[key], ["name", "step", "value"])
        except StoreError:  # the run changed after its scores were read
            continue
        rows = np.flatnonzero(equals(metrics["name"], STAGE_METRIC))
        if len(rows):
            found[key] = int(numbers(metrics["value"])[rows[-1]]), int(numbers(metrics["step"])[rows[-1]])
    return found


def _notes(sample: Sample) -> Iterable[str]:
    """Yield the sentences of `stage_notes` on one sample, whose task has stages."""
    assert sample.task.curriculum is not None
    stages = sample.task.curriculum.stages
    for number, stage in enumerate(stages, 1):
        left = [key for key, (last, _) in sample.stages.items() if last == number]
        if not left:
            continue
        why = f"until {stage.until}"
        # The last episodes of runs in a later stage may still be from an earlier stage, so their mean is not shown.
        if number == 1 and sample.training is not None:
            returns = sample.training[[sample.keys.index(key) for key in left]]
            if np.isfinite(returns).any():
                mean = float(np.nanmean(returns))
                why += f"; at the end: {mean:.6g}"
        who = f"{len(left)} of {len(sample.stages)} runs of {sample.algorithm} on {sample.environment}"
        yield f"{who} never left stage {number} of {len(stages)} ({why})"
