"""Numbers about an update, against numpy and by hand."""

import numpy as np
import pytest
import torch

from rlbench.kit import explained_variance, policy_change


def test_explained_variance_is_that_of_each_seed():
    draw = np.random.default_rng(3)
    returns, error = draw.standard_normal((2, 2, 5, 4))
    found = explained_variance(torch.from_numpy(error), torch.from_numpy(returns))
    assert found.tolist() == pytest.approx([1 - np.var(error[s]) / np.var(returns[s]) for s in range(2)])


def test_values_that_are_right_up_to_a_constant_explain_all_and_equal_returns_leave_nothing_to_explain():
    returns = torch.tensor([[1.0, 2, 4], [3, 3, 3]])
    assert explained_variance(torch.full((2, 3), 5.0), returns).tolist() == [1, 0]


def test_the_share_of_clipped_ratios_is_counted_strictly_beyond_the_range_on_both_sides():
    ratio = torch.tensor([[0.5, 0.75, 1.0, 1.25, 1.5], [1.0, 1.0, 1.0, 1.0, 9.0]])
    found = policy_change(ratio, ratio.log(), torch.tensor(0.25))
    assert found["clip_fraction"].tolist() == pytest.approx([0.4, 0.2])
    expected = [np.mean([r - 1 - np.log(r) for r in row]) for row in ratio.tolist()]
    assert found["approx_kl"].tolist() == pytest.approx(expected, rel=1e-5)


def test_numbers_that_do_not_count_change_nothing():
    draw, keep = np.random.default_rng(3), np.array([[1, 0, 1, 1, 0.0], [1, 1, 0, 1, 1]])
    one, other = (torch.from_numpy(np.exp(draw.standard_normal((2, 5)))) for _ in range(2))
    mask, counts = torch.from_numpy(keep), keep.astype(bool)
    found = policy_change(one, one.log(), torch.tensor(0.25), mask) | {
        "of_errors": explained_variance(other, one, mask)
    }
    of_kept = [
        policy_change(one[s : s + 1, counts[s]], one[s : s + 1, counts[s]].log(), torch.tensor(0.25)) for s in (0, 1)
    ]
    for s in range(2):
        expected = {name: value.item() for name, value in of_kept[s].items()}
        expected["of_errors"] = 1 - np.var(other[s, counts[s]].numpy()) / np.var(one[s, counts[s]].numpy())
        assert {name: value[s].item() for name, value in found.items()} == pytest.approx(expected)
    assert explained_variance(other, one, 0 * mask).tolist() == [0, 0]  # nothing counts
