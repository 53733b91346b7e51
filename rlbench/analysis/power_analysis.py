"""Power analysis: how many runs it takes to show a difference, estimated from the spread of existing runs.

A simulated study compares two algorithms that score alike: for each of them, n runs on every task are drawn, with
replacement, from the existing runs of one algorithm. If one of the two scored higher by d on every task, the difference
would be larger by d. One set of simulated studies therefore gives three things: the critical value, which the
difference exceeds by chance in a share alpha of studies; the difference that Welch's test requires in each study; and
the power, the share of studies in which the difference plus d exceeds both. Source: Efron & Tibshirani 1993, ch. 25
(power by bootstrap). Runs drawn from m runs have only (m - 1)/m of the variance, so deviations from the task's mean are
stretched by √(m / (m - 1)).
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, FEWEST_FOR_VERDICT, Scores, keys_of, seeded_generator
from rlbench.analysis.pairwise import STATISTICS
from rlbench.api import NothingToCompare, StoreError
from rlbench.stats import runs_needed
from rlbench.stats.samples import exponent_of, scale_down
from rlbench.stats.student_t import t_quantile
from rlbench.stats.welch import standard_error

MOST = 1_000  # runs on each side; larger numbers are not searched
FEWEST_STUDIES, MOST_STUDIES = 4_000, 40_000
# At least this many simulated studies exceed the critical value, so its level is known to about a quarter of alpha.
STUDIES_BEYOND = 20
_CHUNK_OF_NUMBERS = 4_000_000
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Power:
    """Differences in normalised scores that can be shown between one algorithm and another with the same spread.

    environment: "" for all `tasks` tasks together. runs: the number of existing runs (the fewest on a task).
    detectable: the difference that this many runs show with the requested power, or None if a test of so few runs
    cannot show any difference.
    needed: for each requested difference, the runs needed on each side and task, or None if more than MOST.
    note: limits of the estimate.
    """

    algorithm: str
    environment: str
    tasks: int
    runs: int
    detectable: float | None
    needed: Mapping[float, int | None]
    note: str = ""


def power_of(
    scores: Scores,
    differences: tuple[float, ...] = (0.05, 0.1, 0.2),
    power: float = 0.8,
    alpha: float = 0.05,
    pairs: int = 1,
    statistic: str = "iqm",
) -> list[Power]:
    """Return how many runs it takes to show each difference, for each algorithm but `random`.

    This is estimated over all tasks with anchors and on each of them.

    pairs: how many pairs are tested at once. The smallest p has to reach alpha / pairs (Holm). An algorithm with fewer
    than 3 runs on a task has no usable spread and is omitted there (`left_out` names it). Raises: NothingToCompare if
    no task has anchors.
    """
    if not any(env in scores.anchors for env in scores.environments):
        try:
            scores.need_anchors(scores.environments)
        except StoreError as error:
            raise NothingToCompare(str(error)) from None
    powers = []
    for name in scores.learners:
        runs_by_env = {env: s for env, s in scores.of(name, normalised=True).items() if len(s) >= FEWEST_FOR_INTERVAL}
        selections = [(env, {env: runs}) for env, runs in runs_by_env.items()]
        if len(runs_by_env) > 1:
            selections.insert(0, ("", runs_by_env))
        powers += [_power(scores, name, *each, differences, power, alpha, pairs, statistic) for each in selections]
    return powers


def left_out(scores: Scores) -> list[str]:
    """Name the tasks without anchors, and each algorithm that has too few runs on the tasks with anchors."""
    without = [env for env in scores.environments if env not in scores.anchors]
    sentences = (
        [f"no anchors for {', '.join(without)}: measure anchors with `rlbench anchors {shlex.quote(without[0])}`"]
        if without
        else []
    )
    few: dict[str, list[str]] = {}
    for (label, env), sample in scores.samples.items():
        if not sample.random and env in scores.anchors and sample.n < FEWEST_FOR_INTERVAL:
            few.setdefault(label, []).append(f"{env} ({sample.n})")
    few_sentences = [f"{label}: under {FEWEST_FOR_INTERVAL} runs on {', '.join(tasks)}" for label, tasks in few.items()]
    return sentences + few_sentences


def _power(
    scores: Scores,
    name: str,
    environment: str,
    runs: Mapping[str, NDArray[np.float64]],
    differences: tuple[float, ...],
    power: float,
    alpha: float,
    pairs: int,
    statistic: str,
) -> Power:
    keys = keys_of([scores.samples[name, env] for env in runs])
    tasks = [_stretch(values) for values in runs.values()]
    fewest = min(map(len, tasks))
    # With at least FEWEST_FOR_VERDICT runs, several tasks always have enough splits for a verdict; one task may not.
    minimum = max(FEWEST_FOR_VERDICT, runs_needed(pairs, alpha, STATISTICS[statistic][0]) if len(tasks) == 1 else 0)

    @cache
    def detectable(n: int) -> float:
        return _detectable(tasks, n, power, alpha / pairs, statistic, keys)

    needed = {d: _fewest(detectable, d, minimum) for d in differences}
    notes = []
    if STUDIES_BEYOND * pairs > MOST_STUDIES * alpha:
        notes.append(
            f"imprecise: with {pairs:,} pairs, fewer than {STUDIES_BEYOND} of {MOST_STUDIES:,} simulated studies exceed"
            " the critical value"
        )
    if max(float(np.ptp(values)) for values in tasks) == 0:
        notes.append("all runs are equal: their spread is unknown")
    elif fewest < FEWEST_FOR_VERDICT:
        notes.append(f"a guess: the spread is estimated from {fewest} runs")
    return Power(
        name,
        environment,
        len(tasks),
        fewest,
        detectable(fewest) if fewest >= minimum else None,
        needed,
        "; ".join(notes),
    )


def deviations_shown(n: int, alpha: float, statistic: str = "iqm", power: float = 0.8) -> float:
    """Return the smallest difference that n runs on each side show with this power.

    It is in standard deviations of the scores, which are assumed to be normally distributed.
    """
    places = (np.arange(1_000) + 0.5) / 1_000
    runs = np.array([_NORMAL.inv_cdf(place) for place in places])
    return _detectable([runs], n, power, alpha, statistic, ["normal"])


def _stretch(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stretch deviations from the mean so that runs drawn with replacement keep the variance."""
    centre, m = runs.mean(), len(runs)
    return np.asarray(centre + (runs - centre) * np.sqrt(m / (m - 1)), np.float64)


def _detectable(
    tasks: list[NDArray[np.float64]], n: int, power: float, alpha: float, statistic: str, keys: list[str]
) -> float:
    """Return the difference that n runs on each side and task show with this power.

    In each study, subtract the difference that arose by chance from the critical value; return the `power` quantile.
    """
    estimate = STATISTICS[statistic][0]
    exponent = exponent_of(tasks)
    tasks = scale_down(tasks, exponent)
    required: list[NDArray[np.float64]] = []
    generator = seeded_generator(keys, f"power {statistic} {n}")
    by_chance = []
    studies = min(MOST_STUDIES, max(FEWEST_STUDIES, math.ceil(STUDIES_BEYOND / alpha)))
    rows = max(1, min(studies, _CHUNK_OF_NUMBERS // (2 * n * len(tasks))))
    for start in range(0, studies, rows):
        size = min(rows, studies - start)
        sides = [[runs.take(generator.integers(len(runs), size=(size, n))) for runs in tasks] for _ in range(2)]
        by_chance.append(estimate(sides[0]) - estimate(sides[1]))
        required.append(_required_difference(*standard_error(sides[0], sides[1], estimate), alpha))
    differences = np.concatenate(by_chance)
    critical = np.maximum(np.quantile(np.abs(differences), 1 - alpha), np.concatenate(required))
    return float(np.ldexp(np.quantile(critical - differences, power), exponent))


def _required_difference(error: NDArray[np.float64], freedom: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Return the difference that Welch's test requires for significance at `alpha` in each study [B]: t · error."""
    floored = np.maximum(freedom, 0.5)
    grid = np.geomspace(floored.min(), floored.max() * 1.001, 40)
    quantiles = np.array([t_quantile(1 - alpha / 2, float(f)) for f in grid])
    return np.asarray(np.exp(np.interp(np.log(floored), np.log(grid), np.log(quantiles))) * error)


def _fewest(detectable: Callable[[int], float], difference: float, minimum: int) -> int | None:
    """Return the fewest runs, at least `minimum`, that show `difference`, or None if above MOST."""
    high = minimum
    while detectable(high) > difference:
        if high >= MOST:
            return None
        high = min(MOST, 2 * high)
    low = max(minimum, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(middle) <= difference else (middle + 1, high)
    return high
