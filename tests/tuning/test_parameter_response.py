"""The response to each hyperparameter: bins, means and the explained share, against numbers by hand and by scipy."""

import numpy as np
import pytest
from numpy.random import PCG64, Generator
from scipy import stats

from rlbench.suites.tune_models import DistributionEntry
from rlbench.tuning.parameter_response import as_json, explained_share, responses

INF = float("inf")


def found(entry, values, scores, **settings):
    trials = [({"x": value} if value is not None else {}, score) for value, score in zip(values, scores)]
    (response,) = responses("ppo", {"x": DistributionEntry(**entry)}, trials, 0)
    return response


def parts(response):
    return [(part.values, part.trials) for part in response.bins]


def test_ranges_are_parted_in_thirds_and_a_choice_by_value():
    logarithmic = found({"log": [1e-5, 1e-2]}, [1e-5, 9e-5, 2e-4, 9e-4, 1.1e-3, 1e-2], range(6))
    assert parts(logarithmic) == [("1e-05 to 0.0001", 2), ("0.0001 to 0.001", 2), ("0.001 to 0.01", 2)]
    uniform = found({"uniform": [0, 3]}, [0, 0.5, 1.5, 2.5, 3], range(5))
    assert parts(uniform) == [("0 to 1", 2), ("1 to 2", 1), ("2 to 3", 2)]
    whole = found({"int": [1, 10]}, [1, 4, 5, 7, 8, 10], range(6))
    assert parts(whole) == [("1 to 4", 2), ("5 to 7", 2), ("8 to 10", 2)]
    assert parts(found({"int": [4, 5]}, [4, 5, 5], range(3))) == [("4", 1), ("5", 2)]
    choice = found({"choice": [[64, 64], None, "tanh", 3]}, [None, "tanh", [64, 64], "tanh"], range(4))
    assert parts(choice) == [("[64,64]", 1), ("null", 0), ("tanh", 2), ("3", 0)]  # one trial did not draw it
    assert choice.trials == 3


def test_a_parameter_that_decides_the_score_explains_all_and_one_that_does_not_explains_what_chance_does():
    """By hand: scores 1 1 1 2 2 2 3 3 3 have ranks 2 2 2 5 5 5 8 8 8, all of whose variance is between the bins."""
    values = [v for v in (0.5, 1.5, 2.5) for _ in range(3)]
    decisive = found({"uniform": [0, 3]}, values, [1, 1, 1, 2, 2, 2, 3, 3, 3])
    assert decisive.explained == 1 and decisive.by_chance == 2 / 8 and decisive.p < 0.02
    assert [part.mean.estimate for part in decisive.bins] == [1, 2, 3]
    draw = Generator(PCG64(3))
    places = np.repeat([0, 1, 2], 7)
    shares = [explained_share(draw.standard_normal(21), places, draw) for _ in range(200)]
    assert abs(np.mean([share for share, *_ in shares]) - 2 / 20) < 4 * 0.09 / 200**0.5
    assert np.mean([p <= 0.05 for *_, p in shares]) < 0.05 + 4 * (0.05 * 0.95 / 200) ** 0.5


def test_the_share_is_the_eta_squared_of_the_kruskal_wallis_test():
    """scipy's H, with ties, is the share times n − 1; the permutation p is near its p from chi squared."""
    draw = Generator(PCG64(5))
    scores, places = draw.integers(0, 12, 60).astype(float), draw.integers(0, 3, 60)
    scores[places == 1] += 3
    share, by_chance, p = explained_share(scores, places, Generator(PCG64(1)))
    known = stats.kruskal(*(scores[places == k] for k in range(3)))
    assert share == pytest.approx(known.statistic / 59) and by_chance == 2 / 59
    assert p == pytest.approx(known.pvalue, abs=0.01)


def test_failed_trials_are_the_worst_ranks_and_in_no_mean():
    response = found({"choice": [1, 2]}, [1] * 4 + [2] * 4, [5, 6, 7, -INF, -INF, -INF, -INF, 4])
    first, second = response.bins
    assert (first.failed, second.failed) == (1, 3) and first.mean.estimate == 6
    assert first.mean.low < 6 < first.mean.high
    assert second.mean.estimate == 4 and np.isnan(second.mean.low)
    ranks = stats.rankdata([5, 6, 7, 0, 0, 0, 0, 4])
    between = 8 * (ranks[:4].mean() - ranks.mean()) ** 2
    assert response.explained == pytest.approx(between / ((ranks - ranks.mean()) ** 2).sum())


def test_where_nothing_can_be_explained_there_is_no_share():
    nothing = [
        found({"choice": [1, 2]}, [1, 1, 1, 1], [1, 2, 3, 4]),
        found({"choice": [1, 2]}, [1, 1, 2, 2], [3, 3, 3, 3]),
        found({"choice": [1, 2]}, [1, 2], [3, 4]),
        found({"choice": [1, 2]}, [None, None], [3, 4]),
        found({"choice": [1, 2]}, [1, 1, 2], [-INF] * 3),
    ]
    assert all((each.explained, each.by_chance, each.p) == (None, None, None) for each in nothing)
    (values,) = as_json(nothing[-1:])
    assert values["bins"][0] == {"values": "1", "trials": 2, "failed": 2, "mean": None, "low": None, "high": None}
