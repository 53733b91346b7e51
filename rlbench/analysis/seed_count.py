"""What a suite's seeds can show, before any of them runs: how many pairs there are, and whether they could be decided.

A test of n runs against m has a smallest possible p, however far apart the scores are, and Holm multiplies it by the
number of pairs. Here a pair counts as decidable if this p can be significant. rlbench.analysis.power_analysis estimates
from existing runs how likely a decision is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import combinations

from rlbench.analysis.final_scores import FEWEST_FOR_VERDICT
from rlbench.analysis.pairwise import ALPHA, STATISTICS
from rlbench.analysis.power_analysis import deviations_shown
from rlbench.api import RunGroup
from rlbench.results.random_policy import is_random
from rlbench.stats import runs_needed, smallest_p, too_few


@dataclass(frozen=True)
class Reach:
    """What `compare` could show with these runs if all of them get a score.

    seeds: the fewest and the most seeds that a learner has on a task.
    pairs: pairs of learners on single tasks, which are one family of tests.
    pairs_over_tasks: pairs that share several tasks with anchors, which are the other family.
    decidable: single-task pairs with enough runs to be decided if all runs of one side score higher.
    smallest_p: the smallest possible p after Holm of any single-task pair, None without pairs.
    deviations: the difference, in standard deviations of normal scores, that the decidable pair with the fewest runs
    shows with a power of 80 % at the level alpha / pairs; None if no pair is decidable.
    seeds_needed: seeds that each learner needs for every single-task pair to be decidable.
    described: learners with too few seeds for any verdict, and their number of seeds.
    """

    alpha: float
    seeds: tuple[int, int]
    pairs: int
    pairs_over_tasks: int
    decidable: int
    smallest_p: float | None
    deviations: float | None
    seeds_needed: int
    described: dict[str, int]
    learners: int


def reach_of(
    groups: Sequence[RunGroup], anchored: Container[str] = (), statistic: str = "iqm", alpha: float = ALPHA
) -> Reach:
    """Return how many pairs the suite compares, and whether its numbers of runs can decide any of them.

    Pairs with `random` are not counted. anchored: environments that have anchors.
    """
    seeds = _seeds(groups)
    estimate = STATISTICS[statistic][0]
    pairs_of_tasks = [(seeds[a], seeds[b]) for a, b in combinations(seeds, 2)]
    single = Counter((ours[task], theirs[task]) for ours, theirs in pairs_of_tasks for task in ours if task in theirs)
    pairs = single.total()
    overall = sum(sum(1 for task in ours if task in theirs and task in anchored) > 1 for ours, theirs in pairs_of_tasks)
    enough = [n for n in single if min(n) >= FEWEST_FOR_VERDICT]
    decidable = [n for n in enough if not too_few(*n, pairs, alpha, estimate)]
    lowest_p = min((smallest_p(*n, estimate) for n in enough or single), default=None)
    counts = [n for tasks in seeds.values() for n in tasks.values()]
    fewest = {label: min(tasks.values()) for label, tasks in seeds.items()}
    return Reach(
        alpha,
        (min(counts, default=0), max(counts, default=0)),
        pairs,
        overall,
        sum(single[n] for n in decidable),
        None if lowest_p is None else min(1.0, lowest_p * pairs),
        deviations_shown(min(map(min, decidable)), alpha / pairs, statistic) if decidable else None,
        max(FEWEST_FOR_VERDICT, runs_needed(max(1, pairs), alpha, estimate)),
        {label: n for label, n in fewest.items() if n < FEWEST_FOR_VERDICT},
        len(seeds),
    )


def _seeds(groups: Sequence[RunGroup]) -> dict[str, dict[str, int]]:
    """Count the seeds of each learner on each task."""
    seeds: dict[str, dict[str, int]] = {}
    for group in groups:
        if not is_random(group.algorithm):
            tasks = seeds.setdefault(group.label or group.algorithm, {})
            tasks[group.task.name] = tasks.get(group.task.name, 0) + len(group.seeds)
    return seeds
