"""How the scores of a search's trials depend on each hyperparameter alone: means in bins, and the share it explains.

Scores are those of the first round, in which all trials have the same seeds; later rounds have only the better trials.
The share is the rank-based eta squared (that of the Kruskal-Wallis test): the part of the variance of the trials' ranks
that lies between the bins. Unlike fANOVA, it needs no model of the scores, and failed trials count as the worst. It is
above 0 by chance, (bins − 1) / (trials − 1) on average, so this number and a permutation test's p are shown beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.analysis.final_scores import FEWEST_FOR_INTERVAL, seeded_generator
from rlbench.stats import Interval, bootstrap_interval, overall_mean
from rlbench.suites.search_space import Space
from rlbench.suites.sweeps import format_value
from rlbench.suites.tune_models import DistributionEntry
from rlbench.tuning.random_search import Setting

BINS = 3  # bins of a range
PERMUTATIONS = 9_999
RESAMPLES = 10_000
_AT_ONCE = 1_000  # permutations held in memory


@dataclass(frozen=True)
class Bin:
    """The trials with values in one part of a range, or with one value.

    values: the part or the value in words. trials: number of trials. failed: number of trials without a score. mean:
    the mean score of the other trials, or None if there are none. Its interval is from a bootstrap over trials, and NaN
    for fewer than three trials.
    """

    values: str
    trials: int
    failed: int
    mean: Interval | None


@dataclass(frozen=True)
class Response:
    """The response to one hyperparameter.

    trials: how many trials drew it. explained: the share of the variance of their ranks that lies between bins.
    by_chance: the mean of this share if the hyperparameter had no effect. p: p of a permutation test of the share, for
    this hyperparameter alone. explained, by_chance and p are None if all trials are in one bin or have one score, or if
    each trial has its own bin.
    """

    parameter: str
    trials: int
    bins: tuple[Bin, ...]
    explained: float | None
    by_chance: float | None
    p: float | None


def responses(label: str, space: Space, trials: Sequence[tuple[Setting, float]], seed: int) -> tuple[Response, ...]:
    """Return the response to each hyperparameter of a space, in its order.

    label: label of the algorithm. trials: setting and first-round score of each drawn trial, -inf if it failed. The
    suite's own setting is not among them, because it was not drawn from the space. seed: seed of the search, which also
    seeds the bootstrap and the permutations.
    """
    return tuple(
        _response(name, space[name], trials, seeded_generator([label, name, str(seed)], "response")) for name in space
    )


def _response(
    name: str, entry: DistributionEntry, trials: Sequence[tuple[Setting, float]], generator: Generator
) -> Response:
    drawn = [(setting[name], score) for setting, score in trials if name in setting]
    labels, places = _parts(entry, [value for value, _ in drawn])
    scores = np.array([score for _, score in drawn], np.float64)
    bins = tuple(_bin(text, scores[places == k], generator) for k, text in enumerate(labels))
    share, by_chance, p = explained_share(scores, places, generator)
    return Response(name, len(drawn), bins, share, by_chance, p)


def _bin(values: str, scores: NDArray[np.float64], generator: Generator) -> Bin:
    finite = scores[np.isfinite(scores)]
    mean = None
    if len(finite) >= FEWEST_FOR_INTERVAL:
        mean = bootstrap_interval([finite], overall_mean, generator, "percentile", resamples=RESAMPLES)
    elif len(finite):
        mean = Interval(float(finite.mean()), np.nan, np.nan, 0.95, "", f"under {FEWEST_FOR_INTERVAL} trials")
    return Bin(values, len(scores), len(scores) - len(finite), mean)


def _parts(entry: DistributionEntry, values: Sequence[Any]) -> tuple[list[str], NDArray[np.intp]]:
    """Return the parts of a distribution in words, and the part [n] that each value is in."""
    if entry.choice is not None:
        return [format_value(value) for value in entry.choice], np.array([entry.choice.index(v) for v in values], int)
    edges = edges_of(entry)
    if entry.whole is not None:
        ends = [(int(a + 0.5), int(np.floor(b))) for a, b in zip(edges, edges[1:])]
        words = [str(a) if a == b else f"{a} to {b}" for a, b in ends]
    else:
        words = [f"{a:.3g} to {b:.3g}" for a, b in zip(edges, edges[1:])]
    return words, np.searchsorted(edges[1:-1], values, side="right")


def edges_of(entry: DistributionEntry) -> NDArray[np.float64]:
    """Return the edges [bins + 1] of the parts of a range: thirds, on a logarithmic scale if the logarithm is drawn.

    For whole numbers, the edges lie between the numbers, and there are at most as many parts as numbers.
    """
    if entry.whole is not None:
        low, high = entry.whole
        count = high - low + 1
        parts = min(BINS, count)
        return np.array([low + -(-count * k // parts) - 0.5 for k in range(parts + 1)], np.float64)
    if entry.log is not None:
        return np.geomspace(*entry.log, BINS + 1)
    assert entry.uniform is not None
    return np.linspace(*entry.uniform, BINS + 1)


def explained_share(
    scores: NDArray[np.float64], places: NDArray[np.intp], generator: Generator
) -> tuple[float | None, float | None, float | None]:
    """Return the rank-based eta squared of groups, its mean without an effect, and a permutation test's p.

    scores [n]: ties share their mean rank. places [n]: the group of each score. All three are None for fewer than two
    groups, for as many groups as scores, or if all scores are equal.
    """
    n, groups = len(scores), len(set(places.tolist()))
    if groups < 2 or n <= groups or len(set(scores.tolist())) < 2:
        return None, None, None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ranks -= ranks.mean()
    members = np.array([places == group for group in sorted(set(places.tolist()))], np.float64).T  # [n, groups]
    sizes, total = members.sum(0), float(ranks @ ranks)

    def shares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        of_groups: NDArray[np.float64] = ((rows @ members) ** 2 / sizes).sum(-1) / total
        return of_groups

    share = float(shares(ranks[None])[0])
    reached, left = 0, PERMUTATIONS
    while left:
        size = min(left, _AT_ONCE)
        drawn = shares(generator.permuted(np.tile(ranks, (size, 1)), axis=1))
        reached += int((drawn >= share * (1 - 1e-9)).sum())  # equal up to rounding counts, too
        left -= size
    return share, (groups - 1) / (n - 1), (1 + reached) / (1 + PERMUTATIONS)


def as_json(found: Sequence[Response]) -> list[Mapping[str, Any]]:
    """Return responses as JSON values. Numbers that do not exist are None."""
    return [
        {
            "parameter": response.parameter,
            "trials": response.trials,
            "explained": response.explained,
            "by_chance": response.by_chance,
            "p": response.p,
            "bins": [
                {
                    "values": part.values,
                    "trials": part.trials,
                    "failed": part.failed,
                    **dict(zip(("mean", "low", "high"), _three(part.mean))),
                }
                for part in response.bins
            ],
        }
        for response in found
    ]


def _three(interval: Interval | None) -> list[float | None]:
    three = (None, None, None) if interval is None else (interval.estimate, interval.low, interval.high)
    return [None if value is None or not np.isfinite(value) else value for value in three]
