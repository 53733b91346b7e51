"""Two-sample permutation tests. Run labels are exchanged within each task, never paired by seed and never across tasks.

The test is exact if the splits can be enumerated, otherwise Monte Carlo with p = (b + 1) / (m + 1), which is never 0.
Sources: Phipson & Smyth 2010, arXiv:1603.05766 (Monte Carlo p); Holm 1979 (families).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, groupby

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlbench.stats.aggregates import iqm, overall_iqm
from rlbench.stats.resampling import chunks, take
from rlbench.stats.samples import Numbers, Scores, Statistic, Tasks, as_pairs, exponent_of, scale_down
from rlbench.text import plural

Pairs = Sequence[tuple[Numbers, Numbers]]
EXACT_UP_TO = 200_000  # splits; 10 runs against 10 on one task have 184 756
_ALTERNATIVES = ("two-sided", "greater", "less")


@dataclass(frozen=True)
class PermutationTest:
    """The result of a permutation test.

    difference: statistic(ours) - statistic(theirs). smallest: the smallest p of any relabelling. exact: whether all
    splits were enumerated. splits: the number of splits that were enumerated or drawn. deviation: the standard
    deviation of the relabelled differences.
    """

    difference: float
    p: float
    smallest: float
    exact: bool
    splits: int
    deviation: float


def permutation_test(
    ours: Scores,
    theirs: Scores,
    generator: Generator,
    statistic: Statistic = overall_iqm,
    alternative: str = "two-sided",
    permutations: int = 50_000,
    exact_up_to: int = EXACT_UP_TO,
) -> PermutationTest:
    """Test whether run labels are exchangeable within each task, by statistic(ours) - statistic(theirs).

    p is the share of splits whose difference is at least as extreme as the observed one: in absolute value
    ("two-sided"), above ("greater": ours is better) or below ("less"). With several tasks the statistic covers all of
    them, and labels are exchanged within each. Draws from the generator only if there are more than `exact_up_to`
    splits.
    Raises: ValueError if the tasks differ, for scores without runs or not finite, or an unknown alternative.
    """
    if alternative not in _ALTERNATIVES:
        raise ValueError(f"unknown alternative {alternative!r}; use one of {', '.join(_ALTERNATIVES)}")
    pairs = list(as_pairs(ours, theirs).values())

    def between(lefts: Tasks, rights: Tasks) -> Numbers:
        return np.asarray(statistic(lefts) - statistic(rights), np.float64)

    splits = math.prod(math.comb(len(left) + len(right), len(left)) for left, right in pairs)
    exact = splits <= exact_up_to
    if exact and statistic is overall_iqm and len(pairs) == 1:
        differences = _every_difference_of_iqms(*pairs[0])
    elif not exact and statistic is overall_iqm and len({(len(left), len(right)) for left, right in pairs}) == 1:
        differences = _differences_of_iqms(pairs, permutations, generator)
    else:
        relabelled = every_split(pairs, splits) if exact else draw_splits(pairs, permutations, generator)
        differences = np.concatenate([between(*sides) for sides in relabelled])
    observed = float(between([left for left, _ in pairs], [right for _, right in pairs]))
    sign = -1.0 if alternative == "less" else 1.0
    outward = np.abs if alternative == "two-sided" else lambda difference: sign * difference
    extents, extent = outward(differences), float(outward(np.float64(observed)))
    # Equal differences may result from sums in different orders, so "at least as extreme" allows for rounding.
    rounding = 1e-12 * max(1e-300, *(float(np.abs(side).max()) for pair in pairs for side in pair))
    count, deviation = int(np.count_nonzero(extents >= extent - rounding)), _deviation(differences)
    if exact:
        extreme = int(np.count_nonzero(extents >= extents.max() - rounding))
        return PermutationTest(observed, count / splits, extreme / splits, True, splits, deviation)
    p, smallest = (count + 1) / (permutations + 1), 1 / (permutations + 1)
    return PermutationTest(observed, p, smallest, False, permutations, deviation)


def _deviation(differences: Numbers) -> float:
    exponent = exponent_of([differences])
    return float(np.ldexp(scale_down([differences], exponent)[0].std(), exponent))


def every_split(pairs: Pairs, splits: int) -> Iterator[tuple[list[Numbers], list[Numbers]]]:
    """Yield all splits of every task's pooled runs, in chunks: ours [B, n] and theirs [B, m] of each task."""
    pooled = [np.concatenate(pair) for pair in pairs]
    chosen = [_choices(len(pool), len(left)) for pool, (left, _) in zip(pooled, pairs)]  # each [C, n + m]
    start = 0
    for rows in chunks(splits, sum(map(len, pooled))):
        place, lefts, rights = np.arange(start, start + rows), [], []
        start += rows
        for pool, order, (left, _) in zip(pooled, chosen, pairs):
            place, digit = np.divmod(place, len(order))  # the place in mixed radix: one digit a task
            values = pool[order[digit]]
            lefts.append(values[:, : len(left)])
            rights.append(values[:, len(left) :])
        yield lefts, rights


@functools.lru_cache(8)
def _choices(total: int, size: int) -> NDArray[np.int64]:
    """Return every choice of `size` of `total` places, followed by the remaining places [C(total, size), total]."""
    places = chain.from_iterable(combinations(range(total), size))
    taken = np.fromiter(places, np.int64, math.comb(total, size) * size).reshape(-1, size)
    free = np.ones((len(taken), total), bool)
    np.put_along_axis(free, taken, False, axis=1)
    choices = np.concatenate([taken, np.nonzero(free)[1].reshape(len(taken), total - size)], 1)
    choices.flags.writeable = False  # the cache shares it between callers
    return choices


def draw_splits(pairs: Pairs, permutations: int, generator: Generator) -> Iterator[tuple[list[Numbers], list[Numbers]]]:
    """Yield `permutations` random splits, in chunks, in the form of `every_split`."""
    blocks = _pools(pairs)
    for rows in chunks(permutations, sum(pools.size for pools, _ in blocks)):
        lefts, rights = [], []
        for pools, count in blocks:
            draws = generator.random((len(pools), rows, pools.shape[-1]))  # the same as one call for each task
            values = take(pools, np.argsort(draws, -1))
            lefts += list(values[..., :count])
            rights += list(values[..., count:])
        yield lefts, rights


def _pools(pairs: Pairs) -> list[tuple[Numbers, int]]:
    """Return, for each series of T consecutive tasks with equal n and m, their pooled runs [T, n + m] and n."""
    alike = groupby(pairs, lambda pair: (len(pair[0]), len(pair[1])))
    return [(np.stack([np.concatenate(pair) for pair in group]), count) for (count, _), group in alike]


def _every_difference_of_iqms(ours: Numbers, theirs: Numbers) -> Numbers:
    """Return the difference of `iqm` for each split of `every_split` of one task [B], bitwise the same."""
    pooled = np.concatenate([ours, theirs])
    order = np.argsort(pooled)
    ordered, chosen = pooled[order], _marks(len(pooled), len(ours))
    blocks = np.split(chosen, np.cumsum(list(chunks(len(chosen), len(pooled))))[:-1])
    lefts = np.concatenate([_iqm_of_marked(ordered, block.take(order, -1)) for block in blocks])
    if len(ours) == len(theirs):
        rights = lefts[::-1]  # the i-th choice from the end takes the places that the i-th choice leaves
    else:
        rights = np.concatenate([_iqm_of_marked(ordered, ~block.take(order, -1)) for block in blocks])
    difference: Numbers = lefts - rights
    return difference


@functools.lru_cache(8)
def _marks(total: int, size: int) -> NDArray[np.bool_]:
    """Return the choices of `_choices` as marks: True where a place is chosen [C(total, size), total]."""
    marks = np.zeros((math.comb(total, size), total), np.bool_)
    np.put_along_axis(marks, _choices(total, size)[:, :size], True, -1)
    marks.flags.writeable = False  # the cache shares it between callers
    return marks


def _differences_of_iqms(pairs: Pairs, permutations: int, generator: Generator) -> Numbers:
    """Return the difference of `overall_iqm` for each split of `draw_splits` [B], bitwise the same.

    Every task must have the same n and m. All runs are sorted once. A split then only marks the side of each run, so
    the two sides need no sorting.
    """
    pooled = np.concatenate([side for pair in pairs for side in pair])
    order = np.argsort(pooled)
    ordered, differences = pooled[order], []
    for rows in chunks(permutations, len(pooled)):
        draws = generator.random((len(pairs), rows, len(pooled) // len(pairs)))
        drawn = _lowest(draws.reshape(-1, draws.shape[-1]), len(pairs[0][0])).reshape(draws.shape)
        ours = np.concatenate(list(drawn), -1).take(order, -1)
        differences.append(_iqm_of_marked(ordered, ours) - _iqm_of_marked(ordered, ~ours))
    return np.concatenate(differences)


def _lowest(draws: Numbers, count: int) -> NDArray[np.bool_]:
    """Mark the `count` lowest of each row of draws [B, N]."""
    lowest: NDArray[np.bool_] = draws <= np.partition(draws, count - 1, -1)[:, count - 1 : count]
    if np.count_nonzero(lowest) != count * len(draws):  # two draws are equal, which almost never happens
        lowest = np.zeros(draws.shape, np.bool_)
        np.put_along_axis(lowest, np.argsort(draws, -1)[:, :count], True, -1)
    return lowest


def _iqm_of_marked(ordered: Numbers, marked: NDArray[np.bool_]) -> Numbers:
    """Return the interquartile mean [B] of the scores that each row of `marked` [B, N] marks.

    ordered: all scores, ascending [N]. Every row marks the same number of scores.
    """
    places = np.flatnonzero(marked).reshape(len(marked), -1)
    cut = places.shape[1] // 4
    middle = places[:, cut : places.shape[1] - cut] - len(ordered) * np.arange(len(marked))[:, None]
    means: Numbers = ordered.take(middle).mean(-1)
    return means


def smallest_p(n: int, m: int, statistic: Statistic = overall_iqm) -> float:
    """Return the smallest two-sided p of n runs against m of one task, however far apart, if no two runs are equal.

    One split of C(n + m, n) puts one side entirely above the other; with n = m its mirror image counts too. The IQM
    cuts ⌊n/4⌋ and ⌊m/4⌋ runs where the two sides meet, and splits that exchange only those give the same difference.
    Correct for `overall_iqm`, `iqm` and statistics that depend on every run, such as `overall_mean`.
    """
    if n < 1 or m < 1:
        raise ValueError(f"{n} runs against {m}: a test needs at least one on each side")
    cut = (n // 4, m // 4) if statistic in (overall_iqm, iqm) else (0, 0)
    return min(1.0, (1 + (n == m)) * math.comb(sum(cut), cut[0]) / math.comb(n + m, n))


def runs_needed(pairs: int, alpha: float = 0.05, statistic: Statistic = overall_iqm) -> int:
    """Return the fewest runs on each side with which the smallest p of `pairs` tests can reach `alpha` after Holm."""
    if pairs < 1 or not 0 < alpha < 1:
        raise ValueError(f"{pairs} pairs at alpha {alpha}: use at least one pair, and alpha between 0 and 1")
    n = 1
    while pairs * smallest_p(n, n, statistic) > alpha:
        n += 1
    return n


def too_few(n: int, m: int, pairs: int, alpha: float = 0.05, statistic: Statistic = overall_iqm) -> str:
    """Return a message if n runs against m cannot reach `alpha` after Holm over `pairs`, or ""."""
    if pairs * smallest_p(n, m, statistic) <= alpha:
        return ""
    return f"n too small for {plural(pairs, 'pair')}: needs n >= {runs_needed(pairs, alpha, statistic)}"


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return Holm's adjusted p of each member of one family.

    Rejecting every hypothesis whose adjusted p is at most alpha gives a family-wise error of at most alpha. The i-th
    smallest of k p values is multiplied by k - i + 1. No adjusted p may be below the adjusted p of a smaller p. Raises:
    ValueError for a p outside [0, 1].
    """
    for name, p in p_values.items():
        if not 0 <= p <= 1:
            raise ValueError(f"p of {name!r} is {p}, outside [0, 1]")
    adjusted, worst = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = worst
    return {name: adjusted[name] for name in p_values}
