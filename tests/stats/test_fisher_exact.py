"""Fisher's exact test against scipy's, and by hand."""

from itertools import product

import pytest
from scipy.stats import fisher_exact

from rlbench.stats import fisher_p


def test_tea_tasting_by_hand():
    assert fisher_p(3, 4, 1, 4) == pytest.approx(34 / 70)  # of 70 tables, 36 of which are likelier
    assert fisher_p(4, 4, 0, 4) == pytest.approx(2 / 70)


def test_every_small_table_agrees_with_scipy():
    for of_ours, of_theirs in [(1, 1), (3, 5), (6, 4)]:
        for ours, theirs in product(range(of_ours + 1), range(of_theirs + 1)):
            wanted = fisher_exact([[ours, of_ours - ours], [theirs, of_theirs - theirs]]).pvalue
            assert fisher_p(ours, of_ours, theirs, of_theirs) == pytest.approx(wanted), (ours, theirs)


def test_a_count_beyond_its_runs_is_an_error():
    with pytest.raises(ValueError, match="5 of 4"):
        fisher_p(5, 4, 0, 4)
