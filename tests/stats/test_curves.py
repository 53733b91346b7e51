"""Areas, steps to a threshold and efficiency curves against hand numbers, numpy and the bootstrap of single points."""

import numpy as np
import pytest

from rlbench.stats import area_under_curve, bootstrap_interval, efficiency_curve, overall_iqm, steps_to_threshold

STEPS = np.array([100, 200, 400])


def rng(seed=0):
    return np.random.default_rng(seed)


def test_an_area_is_the_mean_height_over_unequal_steps():
    """0 to 10 over 100 steps, then 10 to 20 over 200: (5·100 + 15·200) / 300."""
    assert area_under_curve(STEPS, [[0, 10, 20], [7, 7, 7]]) == pytest.approx([3500 / 300, 7], abs=1e-12)


def test_an_area_is_numpys_trapezoid():
    values = rng().standard_normal((2, 4, 3))
    assert area_under_curve(STEPS, values) == pytest.approx(np.trapezoid(values, STEPS) / 300, abs=1e-12)


def test_runs_that_never_reach_a_threshold_are_censored_and_said_to_be():
    found = steps_to_threshold(STEPS, [[0, 480, 20], [475, 475, 475], [0, 0, 474]], 475)
    assert found.steps.tolist() == [200, 100, 400] and found.reached.tolist() == [True, True, False]
    assert found.median == 200
    assert str(found) == "1 of 3 runs never reached 475 in 400 steps (censored): median 200 steps"


def test_the_median_lies_beyond_the_end_where_half_never_arrive():
    found = steps_to_threshold(STEPS, [[0, 480, 20], [0, 0, 474]], 475)
    assert found.median is None and "1 of 2 runs never" in str(found) and "median beyond the end" in str(found)
    every = steps_to_threshold(STEPS, [[0, 480, 20], [475, 0, 0]], 475)
    assert every.median == 150 and str(every) == "all 2 runs reached 475: median 150 steps"


def test_a_threshold_may_have_to_be_held():
    curves = [[480, 0, 480, 480], [0, 480, 0, 480], [0, 480, 480, 480]]
    found = steps_to_threshold(np.array([1, 2, 3, 4]), curves, 475, hold=2)
    assert found.steps.tolist() == [3, 4, 2] and found.reached.tolist() == [True, False, True]


def test_an_efficiency_curve_is_the_bootstrap_of_each_point():
    tasks = [rng(1).standard_normal((6, 4)), rng(2).standard_normal((9, 4))]
    band = efficiency_curve(tasks, rng(3), resamples=50_000)
    for point in range(4):
        column = [task[:, point] for task in tasks]
        wanted = bootstrap_interval(column, overall_iqm, rng(4))
        assert band.iqm[point] == pytest.approx(overall_iqm(column), abs=1e-12)
        assert (band.low[point], band.high[point]) == pytest.approx((wanted.low, wanted.high), abs=0.02)


def test_an_efficiency_curve_resamples_whole_runs():
    """Runs without noise keep their order at every point, so equal points have equal bounds."""
    task = np.repeat(rng(1).standard_normal((5, 1)), 3, axis=1)
    band = efficiency_curve([task], rng(3))
    assert np.ptp(band.low) == np.ptp(band.high) == 0 and band.low[0] < band.iqm[0] < band.high[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: area_under_curve([1, 2], [[1.0, np.nan]]), "an evaluation is not finite"),
        (lambda: area_under_curve([2, 1], [[1.0, 2.0]]), "ascending"),
        (lambda: area_under_curve([1], [[1.0]]), "at least two"),
        (lambda: area_under_curve([1, 2], [[1.0, 2.0, 3.0]]), "last axis must match the 2 steps"),
        (lambda: steps_to_threshold([1, 2], [1.0, 2.0], 1), r"\[runs, evaluations\]"),
        (lambda: steps_to_threshold([1, 2], [[1.0, 2.0]], 1, hold=3), "from 1 to 2"),
        (lambda: efficiency_curve([np.ones((2, 3)), np.ones((2, 4))], rng()), "the same number of points in each"),
        (lambda: efficiency_curve([np.full((2, 3), np.nan)], rng()), "which is not a score"),
    ],
)
def test_what_is_no_curve_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
