"""What a curriculum gains: each algorithm with it against the same algorithm on the target alone, at equal budgets.

A task with a curriculum is paired with the task in the same folder that differs only in having no curriculum. The first
evaluations (jump start), the steps to a threshold and the final scores are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, Sample, resamples_for, seeded_generator
from rlbench.analysis.learning_curves import LearningCurves
from rlbench.analysis.pairwise import ALPHA, STATISTICS, Comparison, Side, compare
from rlbench.analysis.reached_stages import TargetEntry, stage_notes, target_entry
from rlbench.analysis.suite_results import Results
from rlbench.api import NothingToCompare, RlbenchError
from rlbench.messages import nearest
from rlbench.stats import (
    Interval,
    ThresholdSteps,
    difference,
    median_bounds,
    probability_of_improvement,
    steps_to_threshold,
)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class CurveGain:
    """Gain shown by the learning curves of one algorithm. In each pair, the first value is with the curriculum.

    staged, alone: names of the task with and without the curriculum. n: runs with evaluations.
    first_step, last_step: the steps of the first and the last evaluation.
    first: the statistic of the first evaluations. first_difference: its difference, with minus without the curriculum.
    threshold: a return on the target, or None if none is known. reach: when the runs reach the threshold. bounds:
    intervals of the median of these steps. sooner: the probability that a run with the curriculum reaches the threshold
    before a run without; ties, and pairs of runs that never reach it, count half.
    first_difference and sooner are None if a side has fewer than three runs.
    target: when the runs with the curriculum entered the target, if the curriculum has stages.
    """

    algorithm: str
    staged: str
    alone: str
    n: tuple[int, int]
    first_step: float
    last_step: float
    first: tuple[float, float]
    first_difference: Interval | None
    threshold: float | None = None
    reach: tuple[ThresholdSteps, ThresholdSteps] | None = None
    bounds: tuple[tuple[float, float] | None, tuple[float, float] | None] = (None, None)
    sooner: Interval | None = None
    target: TargetEntry | None = None


@dataclass(frozen=True)
class CurriculumGains:
    """Gains from the curricula of a result folder.

    final: comparison of the final scores, with minus without the curriculum. curves: one gain for each pair of tasks
    with evaluations during training. left_out: sentences that say what is not compared, and why.
    """

    final: Comparison
    curves: tuple[CurveGain, ...]
    left_out: tuple[str, ...]


def curriculum_gains(
    results: Results,
    algorithms: Sequence[str] = (),
    threshold: float | None = None,
    statistic: str = "iqm",
    alpha: float = ALPHA,
) -> CurriculumGains:
    """Compare each algorithm that trained with a curriculum and the same algorithm without it.

    algorithms: labels; by default all but `random`. threshold: a return on the target; by default the target's upper
    anchor.
    Raises: RlbenchError for an unknown label; NothingToCompare if no task with a curriculum has a counterpart without.
    """
    scores = results.final_scores
    for name in algorithms:
        if name not in scores.algorithms:
            known = ", ".join(scores.algorithms)
            raise RlbenchError(
                f"{scores.name} has no algorithm {name!r}{nearest(name, scores.algorithms) or f': {known}'}"
            )
    chosen = list(algorithms) or list(scores.learners or scores.algorithms)
    pairs, left_out = _pairs(list(scores.samples.values()), chosen)
    if not pairs:
        reason = "no environment has a curriculum" if not left_out else "; ".join(left_out)
        raise NothingToCompare(f"{scores.name}: nothing to compare: {reason}")
    sides = []
    for staged, alone in pairs:
        # The tasks differ only in the curriculum. `compare` leaves different tasks out, so both samples get one task.
        same = (replace(one, environment=alone.task.env_id, task=alone.task, stages={}) for one in (staged, alone))
        of_staged, of_alone = (replace(scores, samples={(one.algorithm, one.environment): one}) for one in same)
        sides.append(
            (
                Side(of_staged, staged.algorithm, f"{staged.algorithm} ({staged.environment})"),
                Side(of_alone, alone.algorithm, f"{alone.algorithm} ({alone.environment})"),
            )
        )
    curves = []
    for staged, alone in pairs:
        both = [results.learning_curves.get((one.environment, one.algorithm)) for one in (staged, alone)]
        anchors = scores.anchors.get(alone.environment)
        wanted = threshold if threshold is not None or anchors is None else anchors.upper
        gain = _gain(both[0], both[1], wanted, statistic) if both[0] is not None and both[1] is not None else None
        if gain is not None:
            curves.append(replace(gain, target=target_entry(staged)))
            without = staged.n + alone.n - sum(gain.n)
            if without:
                left_out.append(f"{staged.algorithm} on {staged.environment}: {without} runs lack evaluations")
        elif staged.n and alone.n:
            left_out.append(f"{staged.algorithm} on {staged.environment}: no evaluations during training")
    final = replace(compare(sides, statistic, alpha), left_in_stages=tuple(stage_notes(staged for staged, _ in pairs)))
    return CurriculumGains(final, tuple(curves), tuple(left_out))


def _pairs(samples: Sequence[Sample], algorithms: Sequence[str]) -> tuple[list[tuple[Sample, Sample]], list[str]]:
    """Return pairs of samples, with and without the curriculum, and a sentence on each sample without a counterpart."""
    pairs, left_out = [], []
    for staged in samples:
        if staged.task.curriculum is None or staged.algorithm not in algorithms:
            continue
        wanted = replace(staged.task, curriculum=None).requested
        equal = [s for s in samples if s.algorithm == staged.algorithm and s.task.requested == wanted]
        if equal:
            pairs.append((staged, equal[0]))
        else:
            left_out.append(
                f"{staged.algorithm} on {staged.environment}: no environment is the same except for the curriculum"
            )
    return pairs, left_out


def _gain(staged: LearningCurves, alone: LearningCurves, threshold: float | None, statistic: str) -> CurveGain | None:
    """Return the gain between two sets of curves.

    Only runs that have every evaluation at the common steps are used. Returns None if a side has no such run, or if
    there is no common step.
    """
    steps = np.intersect1d(staged.steps, alone.steps)
    returns = [one.counted[:, np.isin(one.steps, steps)] for one in (staged, alone)]
    returns = [values[np.isfinite(values).all(1)] for values in returns]
    if not len(steps) or not all(len(values) for values in returns):
        return None
    estimate, method = STATISTICS[statistic]
    keys, n = [*staged.keys, *alone.keys], (len(returns[0]), len(returns[1]))
    enough, resamples = min(n) >= FEWEST_FOR_INTERVAL, resamples_for(sum(n))
    firsts = [values[:, 0] for values in returns]
    gain = CurveGain(
        staged.algorithm,
        staged.environment,
        alone.environment,
        n,
        float(steps[0]),
        float(steps[-1]),
        (float(estimate([firsts[0]])), float(estimate([firsts[1]]))),
        difference(
            [firsts[0]], [firsts[1]], estimate, seeded_generator(keys, "jump start"), method, resamples=resamples
        )
        if enough
        else None,
    )
    if threshold is None:
        return gain
    reach = tuple(steps_to_threshold(steps, values, threshold) for values in returns)
    # A later step is worse, and never reaching the threshold is worse than any step.
    speeds = [-np.where(side.reached, side.steps, 2 * steps[-1]) for side in reach]
    return replace(
        gain,
        threshold=threshold,
        reach=(reach[0], reach[1]),
        bounds=(median_bounds(reach[0]), median_bounds(reach[1])),
        sooner=probability_of_improvement(
            [speeds[0]], [speeds[1]], seeded_generator(keys, "sooner"), resamples=resamples
        )
        if enough
        else None,
    )
