"""Two algorithms, or one in two result folders, held against each other task by task and over all tasks.

Differences are ours minus theirs. p is the larger of a permutation's (run labels exchanged within each task, never paired by
seed) and Welch's (spreads may differ); Holm adjusts the family of all pairs that are asked about at once, `random` left out by whoever makes the pairs: once over the verdicts over all
tasks, once over those of every task. docs/statistics.md says what each number is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import (
    FEWEST_FOR_INTERVAL,
    FEWEST_FOR_VERDICT,
    Sample,
    Scores,
    keys_of,
    resamples_for,
    seeded,
)
from rlbench.analysis.verdicts import Row, adjusted
from rlbench.api import StoreError, Task, canonical
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
_MOST_NAMED = 3  # modules that differ
# Of each estimate: what it is over tasks, and the interval that suits it.
STATISTICS: Mapping[str, tuple[Statistic, str]] = {
    "iqm": (overall_iqm, "percentile"),
    "mean": (overall_mean, "bootstrap-t"),
}


@dataclass(frozen=True)
class Side:
    """One algorithm of one folder. name: how it is called in tables."""

    scores: Scores
    algorithm: str
    name: str

    def sample(self, environment: str) -> Sample | None:
        return self.scores.samples.get((self.algorithm, environment))


@dataclass(frozen=True)
class Comparison:
    """Rows over all tasks first, then those of each task. family: how many tests Holm adjusts for, over all tasks and of
    single ones. absent: runs without a score, in sentences. apart: what was not compared, and why. self_reported: sides whose
    scores are their own account."""

    statistic: str
    alpha: float
    rows: tuple[Row, ...]
    family: tuple[int, int]
    absent: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    self_reported: tuple[str, ...] = ()

    @property
    def verdicts(self) -> tuple[Row, ...]:
        """The rows that answer for the pairs: those over all tasks, and of pairs that have none those of their tasks."""
        overall = [row for row in self.rows if not row.environment]
        pairs = {(row.ours, row.theirs) for row in overall}
        return (*overall, *(row for row in self.rows if row.environment and (row.ours, row.theirs) not in pairs))

    @property
    def decided(self) -> bool:
        """Whether every pair has its answer."""
        return bool(self.verdicts) and all(row.decided for row in self.verdicts)


def compare(
    pairs: Sequence[tuple[Side, Side]],
    statistic: str = "iqm",
    alpha: float = ALPHA,
    resamples: int | None = None,
    by_task: bool = True,
) -> Comparison:
    """Hold ours against theirs in each pair, which make up one family.

    resamples: of each interval, and then as few permutations as Holm allows; by default as many as suit the runs. by_task: False
    for the rows over all tasks alone.

    The bootstrap and the drawn permutations are seeded from the runs' keys: the same runs give the same digits.
    Raises: StoreError if the two sides normalise a task differently.
    """
    both = [(ours, theirs, *_common(ours, theirs)) for ours, theirs in pairs]
    common = [(ours, theirs, tasks) for ours, theirs, tasks, _ in both]
    apart = [text for *_, why in both for text in why]
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
        if left := [env for env in tasks if env not in anchored]:
            apart.append(
                f"no anchors for {', '.join(left)}: raw scores only, left out of {_pair(ours, theirs)} over all"
            )
        if len(anchored) > 1:
            overall.append((ours, theirs, anchored))
    whole = [_row(ours, theirs, tasks, statistic, len(overall), alpha, resamples) for ours, theirs, tasks in overall]
    rows = (*adjusted(whole, STATISTICS[statistic][0], alpha), *adjusted(single, STATISTICS[statistic][0], alpha))
    family = (len(overall), tasks_family if by_task else 0)
    own_account = dict.fromkeys(
        side.name for pair in pairs for side in pair if side.algorithm in side.scores.self_reported
    )
    return Comparison(
        statistic, alpha, rows, family, _all_absent(common), tuple(dict.fromkeys(apart)), tuple(own_account)
    )


def _all_absent(common: Sequence[tuple[Side, Side, list[str]]]) -> tuple[str, ...]:
    """Which runs of the pairs have no score, each once."""
    absent = dict.fromkeys(
        text
        for ours, theirs, tasks in common
        for env in tasks
        for side in (ours, theirs)
        if (text := _absent(side, env))
    )
    return tuple(absent)


def _pair(ours: Side, theirs: Side) -> str:
    return f"{ours.name} − {theirs.name}"


def _absent(side: Side, environment: str) -> str:
    sample = side.sample(environment)
    return replace(sample, algorithm=side.name).absent() if sample else ""


def _common(ours: Side, theirs: Side) -> tuple[list[str], list[str]]:
    """The tasks that both sides were planned on, and why others are none."""
    found, apart, here = (
        [],
        [],
        [[e for (a, e) in side.scores.samples if a == side.algorithm] for side in (ours, theirs)],
    )
    for env in here[0]:
        left, right = ours.sample(env), theirs.sample(env)
        if left is None or right is None:
            continue
        if (left.task.kwargs, left.task.wrappers) != (right.task.kwargs, right.task.wrappers):
            apart.append(f"{env} is another task in {ours.name} than in {theirs.name}: {_apart(left.task, right.task)}")
            continue
        found.append(env)
    if not found:
        apart.append(f"{_pair(ours, theirs)}: no task in common")
    return found, apart


def _apart(left: Task, right: Task) -> str:
    """How two tasks of one environment differ, as their suites have it."""
    both = {"keyword arguments": (left.kwargs, right.kwargs), "wrappers": (left.wrappers, right.wrappers)}
    said = [f"{name} {canonical(a)} against {canonical(b)}" for name, (a, b) in both.items() if a != b]
    return ", ".join(said) + " (compared as they are written)"


def _anchored(ours: Side, theirs: Side, tasks: Sequence[str]) -> list[str]:
    found = []
    for env in tasks:
        left, right = ours.scores.anchors.get(env), theirs.scores.anchors.get(env)
        if left is None or right is None:
            continue
        if (left.lower, left.upper) != (right.lower, right.upper):
            raise StoreError(
                f"{env} is normalised between {left.lower:g} and {left.upper:g} in {ours.name}, between {right.lower:g} and"
                f" {right.upper:g} in {theirs.name}: give the anchors for both, --anchors FILE"
            )
        found.append(env)
    return found


def _row(
    ours: Side, theirs: Side, tasks: Sequence[str], statistic: str, family: int, alpha: float, resamples: int | None
) -> Row:
    """A row before Holm; of several tasks on normalised scores."""
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
    draw = seeded(keys_of([*lefts, *rights]), f"{statistic} {' '.join(tasks)}")
    # So that Holm over the family can still be passed.
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
    """Where one side is known by its training episodes alone, take those of both, and say so.

    While it trains an algorithm explores; its final policy played greedily may score three times as much.
    """
    pairs, told = [], dict[str, None]()
    for left, right in zip(lefts, rights):
        if left.n and right.n and left.from_training != right.from_training:
            known = left if left.from_training else right
            told[f"on training returns: no evaluation of {known.algorithm} is known"] = None
            left, right = left.of_training(), right.of_training()
        pairs.append((left, right))
    return [left for left, _ in pairs], [right for _, right in pairs], list(told)


def _effects(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float | None]:
    return cliffs_delta(ours, theirs), standardised_difference(ours, theirs)


def _unlike(lefts: Sequence[Sample], rights: Sequence[Sample]) -> list[str]:
    """How the two sides were not run or evaluated alike, and how many runs diverged."""
    said: dict[str, None] = {}
    for left, right in zip(lefts, rights):
        for name, values in _differing(left.task, right.task).items():
            said[f"{name} {values[0]} against {values[1]}"] = None
        if other := [name for name, made in left.modules.items() if len(made | right.modules.get(name, made)) > 1]:
            more = f" and {len(other) - _MOST_NAMED} more" if len(other) > _MOST_NAMED else ""
            said[f"code differs between runs: {', '.join(other[:_MOST_NAMED])}{more}"] = None
    diverged = [sum(int(s.diverged.sum()) for s in side) for side in (lefts, rights)]
    if any(diverged):
        said[f"{diverged[0]} against {diverged[1]} runs diverged"] = None
    return list(said)


def _differing(left: Task, right: Task) -> dict[str, tuple[str, str]]:
    ours, theirs = left.evaluation, right.evaluation
    both = {
        "steps": (f"{left.steps:,}", f"{right.steps:,}"),
        "backend": (left.backend, right.backend),
        "policy": (ours.policy, theirs.policy),
        "final episodes": (f"{ours.final_episodes:,}", f"{theirs.final_episodes:,}"),
    }
    return {name: values for name, values in both.items() if values[0] != values[1]}
