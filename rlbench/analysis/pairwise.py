"""Comparison of two algorithms, or of one algorithm in two result folders, on each task and over all tasks.

Differences are ours minus theirs. p is the larger of two p-values: that of a permutation test, which exchanges run
labels within each task and never pairs by seed, and that of Welch's test, which allows unequal spreads. Holm adjusts
within two families: the verdicts over all tasks, and those on single tasks. A family contains all pairs compared at
once; the caller leaves `random` out. docs/statistics.md defines each number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.crossplay_gaps import JOINT_CONTROL
from rlbench.analysis.final_scores import (
    FEWEST_FOR_INTERVAL,
    FEWEST_FOR_VERDICT,
    Sample,
    Scores,
    keys_of,
    resamples_for,
    seeded_generator,
)
from rlbench.analysis.publications import publication_notes, why_not_ranked
from rlbench.analysis.reached_stages import stage_notes
from rlbench.analysis.tuning_budgets import Budgets
from rlbench.analysis.verdicts import Row, adjust_verdicts
from rlbench.api import Stage, StoreError, Task, Wrapper, canonical
from rlbench.stats import (
    cliffs_delta,
    difference,
    overall_iqm,
    overall_mean,
    probability_of_improvement,
    standardised_difference,
    two_sample_test,
)
from rlbench.stats.samples import Statistic

ALPHA = 0.05
FEWEST_PERMUTATIONS = 10_000
_ADAPTERS = "rlbench.envs."  # the names of wrappers that a plan adds start with this
_MOST_NAMED = 3  # at most this many of the modules that differ are named
# For each estimate, its statistic over tasks and the interval method that suits it.
STATISTICS: Mapping[str, tuple[Statistic, str]] = {
    "iqm": (overall_iqm, "percentile"),
    "mean": (overall_mean, "bootstrap-t"),
}


@dataclass(frozen=True)
class Side:
    """One algorithm of one folder. name: its name in tables."""

    scores: Scores
    algorithm: str
    name: str

    def sample(self, environment: str) -> Sample | None:
        return self.scores.samples.get((self.algorithm, environment))


@dataclass(frozen=True)
class Comparison:
    """A comparison of pairs. rows: first the rows over all tasks, then the rows on single tasks.

    family: number of tests that Holm adjusts for, over all tasks and on single tasks. absent: sentences on runs without
    a score. apart: what was not compared, and why. self_reported: names of the sides whose scores are self-reported.
    published: sentences on the sides that were published by their authors. tuned: by name of a side other than
    `random`, what is known about the search for its hyperparameters. left_in_stages: sentences on runs that never left
    a stage of a curriculum.
    """

    statistic: str
    alpha: float
    rows: tuple[Row, ...]
    family: tuple[int, int]
    absent: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    self_reported: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    tuned: Budgets = field(default_factory=dict)
    left_in_stages: tuple[str, ...] = ()

    @property
    def verdicts(self) -> tuple[Row, ...]:
        """The rows that decide each pair: its row over all tasks or, if it has none, its rows of single tasks."""
        overall = [row for row in self.rows if not row.environment]
        pairs = {(row.ours, row.theirs) for row in overall}
        return (*overall, *(row for row in self.rows if row.environment and (row.ours, row.theirs) not in pairs))

    @property
    def out_of_reach(self) -> tuple[Row, ...]:
        """The rows that are undecided because p cannot be small enough for so few runs, although estimates differ."""
        return tuple(
            row
            for row in self.rows
            if row.verdict == "undecided" and row.difference is not None and row.difference.estimate != 0
            if row.smallest_p is not None and row.smallest_p * self.family[bool(row.environment)] > self.alpha
        )

    @property
    def decided(self) -> bool:
        """Whether every pair is decided."""
        return bool(self.verdicts) and all(row.decided for row in self.verdicts)


def compare(
    pairs: Sequence[tuple[Side, Side]],
    statistic: str = "iqm",
    alpha: float = ALPHA,
    resamples: int | None = None,
    by_task: bool = True,
) -> Comparison:
    """Compare ours with theirs in each pair. All pairs form one family.

    resamples: number of resamples for each interval. If given, permutation tests draw the same number of permutations,
    or more if p could otherwise not pass Holm's correction. By default, the number of resamples depends on the number
    of runs, and the number of permutations on the number of tests.
    by_task: if False, return only the rows over all tasks.

    The bootstrap and the drawn permutations are seeded from the runs' keys, so the same runs give the same digits.
    Raises: StoreError if the two sides normalise a task differently.
    """
    sides_and_tasks = [(ours, theirs, *_common(ours, theirs)) for ours, theirs in pairs]
    common = [(ours, theirs, tasks) for ours, theirs, tasks, _ in sides_and_tasks]
    not_compared = [text for *_, why in sides_and_tasks for text in why]
    tasks_family = sum(len(tasks) for _, _, tasks in common)
    single = [
        _row(ours, theirs, [env], statistic, tasks_family, alpha, resamples)
        for ours, theirs, tasks in common
        for env in tasks
        if by_task
    ]
    overall = []
    for ours, theirs, tasks in common:
        anchored = _anchored(ours, theirs, tasks)
        if (left := [env for env in tasks if env not in anchored]) and len(tasks) > 1:
            not_compared.append(f"no anchors for {', '.join(left)}: left out of {_pair(ours, theirs)} over all tasks")
        if len(anchored) > 1:
            overall.append((ours, theirs, anchored))
    whole = [_row(ours, theirs, tasks, statistic, len(overall), alpha, resamples) for ours, theirs, tasks in overall]
    rows = (
        *adjust_verdicts(whole, STATISTICS[statistic][0], alpha),
        *adjust_verdicts(single, STATISTICS[statistic][0], alpha),
    )
    family = (len(overall), tasks_family if by_task else 0)
    self_reported = dict.fromkeys(
        side.name for pair in pairs for side in pair if side.algorithm in side.scores.self_reported
    )
    sides = [side for pair in pairs for side in pair]
    folders = {id(side.scores): side.scores for side in sides}
    published = dict.fromkeys(
        text
        for key, scores in folders.items()
        for text in publication_notes(scores, {side.algorithm for side in sides if id(side.scores) == key})
    )
    return Comparison(
        statistic,
        alpha,
        rows,
        family,
        _all_absent(common),
        tuple(dict.fromkeys(not_compared)),
        tuple(self_reported),
        tuple(published),
        {side.name: side.scores.tuned.get(side.algorithm) for side in sides if side.algorithm in side.scores.learners},
        _left_in_stages(common),
    )


def _all_absent(common: Sequence[tuple[Side, Side, list[str]]]) -> tuple[str, ...]:
    """Return one sentence for each side and task with runs that have no score, without repetitions."""
    absent = dict.fromkeys(
        text
        for ours, theirs, tasks in common
        for env in tasks
        for side in (ours, theirs)
        if (text := _absent(side, env))
    )
    return tuple(absent)


def _left_in_stages(common: Sequence[tuple[Side, Side, list[str]]]) -> tuple[str, ...]:
    samples = [
        replace(sample, algorithm=side.name)
        for ours, theirs, tasks in common
        for env in tasks
        for side in (ours, theirs)
        if (sample := side.sample(env))
    ]
    return tuple(dict.fromkeys(stage_notes(samples)))


def _pair(ours: Side, theirs: Side) -> str:
    return f"{ours.name} − {theirs.name}"


def _absent(side: Side, environment: str) -> str:
    sample = side.sample(environment)
    return replace(sample, algorithm=side.name).absent() if sample else ""


def _common(ours: Side, theirs: Side) -> tuple[list[str], list[str]]:
    """Return the tasks that can be compared, because both sides were planned on them, and why other tasks cannot."""
    common: list[str] = []
    not_compared: list[str] = []
    unranked: list[str] = []
    for env in [env for (label, env) in ours.scores.samples if label == ours.algorithm]:
        left, right = ours.sample(env), theirs.sample(env)
        if left is None or right is None:
            continue
        if _settings(left.task) != _settings(right.task):
            not_compared.append(
                f"{env} is a different task in {ours.name} than in {theirs.name}: {_apart(left.task, right.task)}"
            )
            continue
        if why := why_not_ranked(left, right):
            unranked.append(f"{_pair(ours, theirs)} on {env}: {why}")
            continue
        common.append(env)
    not_compared += unranked
    if not (common or unranked):
        not_compared.append(f"{_pair(ours, theirs)}: no task in common")
    return common, not_compared


def _settings(task: Task) -> dict[str, Any]:
    """Return the settings that define a task and the training on it, by their names in messages."""
    curriculum = task.curriculum
    if curriculum is not None:
        stages = tuple(replace(stage, wrappers=_defining(stage)) for stage in curriculum.stages)
        curriculum = replace(curriculum, stages=stages)
    return {"keyword arguments": task.kwargs, "wrappers": _defining(task), "curriculum": curriculum}


def _defining(task: Task | Stage) -> tuple[Wrapper, ...]:
    """Return the wrappers that define a task.

    Wrappers that a plan adds only adapt observations and actions to an algorithm, so they may differ within a task.
    JOINT_CONTROL is an exception: one controller of all agents is not compared with independent agents.
    """
    return tuple(w for w in task.wrappers if not w.name.startswith(_ADAPTERS) or w.name == JOINT_CONTROL)


def _apart(left: Task, right: Task) -> str:
    """Return the settings in which two tasks of one environment differ, in the notation of a suite."""
    ours, theirs = _settings(left), _settings(right)
    differences = [
        f"{name} {canonical(ours[name])} against {canonical(theirs[name])}"
        for name in ours
        if ours[name] != theirs[name]
    ]
    return ", ".join(differences) + " (as written in the suites)"


def _anchored(ours: Side, theirs: Side, tasks: Sequence[str]) -> list[str]:
    """Return the tasks that both sides have anchors for. Raises: StoreError if the anchors differ."""
    anchored = []
    for env in tasks:
        left, right = ours.scores.anchors.get(env), theirs.scores.anchors.get(env)
        if left is None or right is None:
            continue
        if (left.lower, left.upper) != (right.lower, right.upper):
            raise StoreError(
                f"{env} is normalised between {left.lower:g} and {left.upper:g} in {ours.name}, between"
                f" {right.lower:g} and {right.upper:g} in {theirs.name}: use the same anchors for both with --anchors"
                " FILE"
            )
        anchored.append(env)
    return anchored


def _row(
    ours: Side, theirs: Side, tasks: Sequence[str], statistic: str, family: int, alpha: float, resamples: int | None
) -> Row:
    """Return a row before Holm's correction. Several tasks are compared on normalised scores."""
    lefts, rights, training = _like_with_like(
        *([s for env in tasks if (s := side.sample(env))] for side in (ours, theirs))
    )
    n = sum(s.n for s in lefts), sum(s.n for s in rights)
    environment = tasks[0] if len(tasks) == 1 else ""
    note = "; ".join([*training, *_unlike(lefts, rights)])
    row = Row(ours.name, theirs.name, environment, len(tasks), n, "", note=note)
    fewest = min(s.n for s in (*lefts, *rights))
    if fewest == 0:
        return replace(row, verdict="no scores")
    left, right = ({s.environment: s.scores for s in samples} for samples in (lefts, rights))
    if not environment:
        left, right = ours.scores.normalised(left), theirs.scores.normalised(right)
    estimate, method = STATISTICS[statistic]
    row = replace(row, estimates=(float(estimate(list(left.values()))), float(estimate(list(right.values())))))
    if fewest < FEWEST_FOR_INTERVAL:
        return replace(row, verdict="too few runs")
    draw = seeded_generator(keys_of([*lefts, *rights]), f"{statistic} {' '.join(tasks)}")
    # Enough permutations for p to stay below alpha after Holm's correction.
    permutations = int(max(resamples or FEWEST_PERMUTATIONS, (2 if resamples else 10) * family / alpha))
    resamples = resamples or resamples_for(sum(sample.n for sample in (*lefts, *rights)))
    test = two_sample_test(left, right, draw, estimate, permutations=permutations)
    same = all(a.keys == b.keys and np.array_equal(a.scores, b.scores) for a, b in zip(lefts, rights))
    few = "descriptive only" if fewest < FEWEST_FOR_VERDICT else "undecided"
    apart = difference(left, right, estimate, draw, method, resamples=resamples)
    cut = f"the interval is {apart.note}" if "cut off" in apart.note else ""
    delta, g = _effects(left[environment], right[environment]) if environment else (None, None)
    return replace(
        row,
        verdict="identical" if same else few,
        difference=apart,
        note="; ".join(filter(None, [row.note, cut])),
        improvement=probability_of_improvement(left, right, draw, resamples=resamples),
        p=test.p,
        p_permutation=test.p_permutation,
        p_welch=test.p_welch,
        smallest_p=test.smallest,
        runs_to_show=test.runs_to_show(fewest, alpha / max(1, family)) if not same else None,
        cliffs_delta=delta,
        hedges_g=g,
    )


def _like_with_like(lefts: Sequence[Sample], rights: Sequence[Sample]) -> tuple[list[Sample], list[Sample], list[str]]:
    """Return the samples of both sides, and notes. If one side has only training returns, both are scored by these.

    Training returns are not compared with evaluations, because an algorithm explores while it trains: its final policy,
    played greedily, may score three times as much.
    """
    pairs, notes = [], dict[str, None]()
    for left, right in zip(lefts, rights):
        if left.n and right.n and left.from_training != right.from_training:
            trained = left if left.from_training else right
            notes[f"on training returns: no evaluation of {trained.algorithm} is known"] = None
            left, right = left.of_training(), right.of_training()
        pairs.append((left, right))
    return [left for left, _ in pairs], [right for _, right in pairs], list(notes)


def _effects(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float | None]:
    return cliffs_delta(ours, theirs), standardised_difference(ours, theirs)


def _unlike(lefts: Sequence[Sample], rights: Sequence[Sample]) -> list[str]:
    """Return how the two sides' runs or evaluations differed, and how many runs diverged."""
    notes: dict[str, None] = {}
    for left, right in zip(lefts, rights):
        for name, values in _differing(left.task, right.task).items():
            notes[f"{name} {values[0]} against {values[1]}"] = None
        if other := [
            name for name, contents in left.modules.items() if len(contents | right.modules.get(name, contents)) > 1
        ]:
            more = f" and {len(other) - _MOST_NAMED} more" if len(other) > _MOST_NAMED else ""
            notes[f"code differs between runs: {', '.join(other[:_MOST_NAMED])}{more}"] = None
    diverged = [sum(int(s.diverged.sum()) for s in side) for side in (lefts, rights)]
    if any(diverged):
        notes[f"{diverged[0]} against {diverged[1]} runs diverged"] = None
    return list(notes)


def _differing(left: Task, right: Task) -> dict[str, tuple[str, str]]:
    ours, theirs = left.evaluation, right.evaluation
    settings = {
        "steps": (f"{left.steps:,}", f"{right.steps:,}"),
        "backend": (left.backend, right.backend),
        "policy": (ours.policy, theirs.policy),
        "final episodes": (f"{ours.final_episodes:,}", f"{theirs.final_episodes:,}"),
    }
    return {name: values for name, values in settings.items() if values[0] != values[1]}
