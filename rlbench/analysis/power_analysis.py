"""How many runs a difference would take, from the spread of those there are.

Two algorithms that score alike are drawn n runs each on every task, with replacement, from one algorithm's own runs; one of
them is then moved by d, alike on every task. The estimate moves by d as well, so one simulation of the difference without it
gives what chance alone exceeds in a share alpha of studies (the critical value), the t that Welch's test asks of each study,
and how often d lies beyond both (the power).
Source: Efron & Tibshirani 1993, ch. 25 (power by bootstrap). Runs drawn from m have only (m - 1)/m of the variance, so
deviations from the task's mean are stretched by √(m / (m - 1)).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, FEWEST_FOR_VERDICT, Scores, keys_of, seeded
from rlbench.analysis.pairwise import STATISTICS
from rlbench.api import NothingToCompare, StoreError
from rlbench.stats import runs_needed
from rlbench.stats.samples import exponent_of, shrunk
from rlbench.stats.student_t import t_quantile
from rlbench.stats.welch import standard_error

MOST = 1_000  # runs on each side; more are not asked about
FEWEST_STUDIES, MOST_STUDIES = 4_000, 40_000
# So many of the simulated studies lie beyond the critical value, which is then known to about a quarter of alpha.
STUDIES_BEYOND = 20
_CHUNK_OF_NUMBERS = 4_000_000
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Power:
    """What one algorithm's spread means for a comparison with another of like spread, on normalised scores.

    environment: "" over `tasks` tasks. runs: those there are (the fewest on a task); detectable: the difference that so many
    show with the power asked for, None where the test can show nothing with them. needed: for each difference asked about, the runs
    on each side and task; None: over MOST. note: what it rests on.
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
    """The runs that differences take for each algorithm but `random`, over all tasks with anchors and on each.

    pairs: how many are to be tested at once; the first of them has to pass alpha / pairs (Holm). Algorithms with fewer than 3
    runs on a task have no spread to speak of and are left out there (`left_out` names them). Raises: NothingToCompare if no
    task has anchors.
    """
    if not any(env in scores.anchors for env in scores.environments):
        try:
            scores.need_anchors(scores.environments)
        except StoreError as error:
            raise NothingToCompare(str(error)) from None
    found = []
    for name in scores.learners:
        own = {env: s for env, s in scores.of(name, normalised=True).items() if len(s) >= FEWEST_FOR_INTERVAL}
        asked = [(env, {env: runs}) for env, runs in own.items()]
        if len(own) > 1:
            asked.insert(0, ("", own))
        found += [_power(scores, name, *each, differences, power, alpha, pairs, statistic) for each in asked]
    return found


def left_out(scores: Scores) -> list[str]:
    """A sentence for the tasks without anchors, and one for each algorithm with too few runs on others."""
    without = [env for env in scores.environments if env not in scores.anchors]
    said = [f"no anchors for {', '.join(without)}: measure them with `rlbench anchors {without[0]}`"] if without else []
    few: dict[str, list[str]] = {}
    for (label, env), sample in scores.samples.items():
        if not sample.random and env in scores.anchors and sample.n < FEWEST_FOR_INTERVAL:
            few.setdefault(label, []).append(f"{env} ({sample.n})")
    told = [f"{label}: under {FEWEST_FOR_INTERVAL} runs on {', '.join(tasks)}" for label, tasks in few.items()]
    return said + told


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
    tasks = [_stretched(values) for values in runs.values()]
    fewest = min(map(len, tasks))
    # Several tasks have splits enough; one task's are few. Under five runs nobody is called better.
    least = max(FEWEST_FOR_VERDICT, runs_needed(pairs, alpha, STATISTICS[statistic][0]) if len(tasks) == 1 else 0)

    @cache
    def detectable(n: int) -> float:
        return _detectable(tasks, n, power, alpha / pairs, statistic, keys)

    needed = {d: _fewest(detectable, d, least) for d in differences}
    notes = []
    if STUDIES_BEYOND * pairs > MOST_STUDIES * alpha:
        notes.append(f"too few: {MOST_STUDIES:,} studies do not reach so far out for {pairs:,} pairs")
    if max(float(np.ptp(values)) for values in tasks) == 0:
        notes.append("all runs are equal: their spread is not known")
    elif fewest < FEWEST_FOR_VERDICT:
        notes.append(f"a guess: the spread is that of {fewest} runs")
    return Power(
        name, environment, len(tasks), fewest, detectable(fewest) if fewest >= least else None, needed, "; ".join(notes)
    )


def deviations_shown(n: int, alpha: float, statistic: str = "iqm", power: float = 0.8) -> float:
    """Return how many standard deviations apart two sides of n normal runs of one task are shown to differ with this power."""
    places = (np.arange(1_000) + 0.5) / 1_000
    runs = np.array([_NORMAL.inv_cdf(place) for place in places])
    return _detectable([runs], n, power, alpha, statistic, ["normal"])


def _stretched(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    centre, m = runs.mean(), len(runs)
    return np.asarray(centre + (runs - centre) * np.sqrt(m / (m - 1)), np.float64)


def _detectable(
    tasks: list[NDArray[np.float64]], n: int, power: float, alpha: float, statistic: str, keys: list[str]
) -> float:
    """The difference that n runs on each side and task show with this power: critical value + what falls short of it."""
    estimate = STATISTICS[statistic][0]
    exponent = exponent_of(tasks)
    tasks = shrunk(tasks, exponent)
    asked: list[NDArray[np.float64]] = []
    draw = seeded(keys, f"power {statistic} {n}")
    found = []
    studies = min(MOST_STUDIES, max(FEWEST_STUDIES, math.ceil(STUDIES_BEYOND / alpha)))
    rows = max(1, min(studies, _CHUNK_OF_NUMBERS // (2 * n * len(tasks))))
    for start in range(0, studies, rows):
        size = min(rows, studies - start)
        sides = [[runs.take(draw.integers(len(runs), size=(size, n))) for runs in tasks] for _ in range(2)]
        found.append(estimate(sides[0]) - estimate(sides[1]))
        asked.append(_asked(*standard_error(sides[0], sides[1], estimate), alpha))
    differences = np.concatenate(found)
    critical = np.maximum(np.quantile(np.abs(differences), 1 - alpha), np.concatenate(asked))
    return float(np.ldexp(np.quantile(critical - differences, power), exponent))


def _asked(error: NDArray[np.float64], freedom: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Return the difference that Welch's t calls significant at `alpha`, of each study [B]: t · error, 0 without an error."""
    known = np.maximum(freedom, 0.5)
    grid = np.geomspace(known.min(), known.max() * 1.001, 40)
    quantiles = np.array([t_quantile(1 - alpha / 2, float(f)) for f in grid])
    return np.asarray(np.exp(np.interp(np.log(known), np.log(grid), np.log(quantiles))) * error)


def _fewest(detectable: Callable[[int], float], difference: float, least: int) -> int | None:
    """The fewest runs, at least `least`, that show `difference`."""
    high = least
    while detectable(high) > difference:
        if high >= MOST:
            return None
        high = min(MOST, 2 * high)
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(middle) <= difference else (middle + 1, high)
    return high
