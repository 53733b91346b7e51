"""Student's t against scipy's, where that is exact, and against the arctangent."""

import math

import pytest
from scipy import stats

from rlbench.stats.student_t import t_quantile, t_tail


@pytest.mark.parametrize("freedom", [0.3, 0.75, 1.6, 2, 4.2, 30, 1_000])
@pytest.mark.parametrize("t", [0.1, 0.9, 2.0, 12.0, 300.0])
def test_the_tail_is_scipys(t, freedom):
    assert t_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9)
    assert t_tail(-t, freedom) == pytest.approx(stats.t.sf(-t, freedom), rel=1e-9)


@pytest.mark.parametrize("t", [0.0, 1e-8, 0.5, 1.0, 1e6])
def test_with_one_degree_of_freedom_it_is_the_arctangent(t):
    assert t_tail(t, 1) == pytest.approx(math.atan2(1, t) / math.pi, rel=1e-12)


def test_nothing_lies_beyond_infinity():
    assert t_tail(math.inf, 3) == 0.0 and t_tail(-math.inf, 3) == 1.0


@pytest.mark.parametrize("freedom", [0.5, 1, 3.97, 50])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.975, 0.99999])
def test_the_quantile_is_the_tails_inverse(probability, freedom):
    assert 1 - t_tail(t_quantile(probability, freedom), freedom) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_degrees_of_freedom_are_positive(wrong):
    with pytest.raises(ValueError, match="degrees of freedom"):
        t_tail(1.0, wrong)
