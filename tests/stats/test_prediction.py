"""Prediction and mean intervals against scipy and hand numbers."""

import math

import numpy as np
import pytest
from scipy import stats

from rlbench.stats import mean_interval, prediction_interval, welch_interval
from rlbench.stats.student_t import t_quantile


@pytest.mark.parametrize("freedom", [1, 1.3, 2, 9, 40.5, 200])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.975, 0.9995])
def test_students_t_is_scipys(probability, freedom):
    assert t_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), rel=1e-9, abs=1e-9)


def test_a_prediction_by_hand():
    """Runs 1, 2, 3: mean 2, deviation 1, t = 4.30265 with two degrees of freedom."""
    assert prediction_interval([1, 2, 3]) == pytest.approx(
        (2 - 4.30265 * math.sqrt(4 / 3), 2 + 4.30265 * math.sqrt(4 / 3)), abs=1e-4
    )
    assert prediction_interval([1, 2, 3], further=3)[1] == pytest.approx(2 + 4.30265 * math.sqrt(2 / 3), abs=1e-4)


def test_a_prediction_holds_one_more_run_as_often_as_it_says():
    drawn = np.random.default_rng(0).standard_normal((4_000, 6))
    held = [low <= last <= high for *runs, last in drawn for low, high in [prediction_interval(runs)]]
    assert np.mean(held) == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 4_000))


def test_mean_and_difference_are_scipys():
    runs, others = np.array([3.0, 5.0, 4.0, 9.0]), np.array([1.0, 2.0, 2.5])
    peer = stats.t.interval(0.95, 3, runs.mean(), stats.sem(runs))
    assert mean_interval(runs) == pytest.approx(peer)
    peer = stats.ttest_ind(runs, others, equal_var=False).confidence_interval(0.95)
    assert welch_interval(others.mean(), others.std(ddof=1), 3, runs) == pytest.approx((peer.low, peer.high))
    assert welch_interval(5.0, 0.0, 3, [5.0, 5.0]) == (0.0, 0.0)


def test_what_cannot_be_predicted_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        prediction_interval([1.0])
    with pytest.raises(ValueError, match="further"):
        prediction_interval([1.0, 2.0], further=0)
    with pytest.raises(ValueError, match="two runs"):
        welch_interval(0.0, 1.0, 1, [1.0, 2.0])
