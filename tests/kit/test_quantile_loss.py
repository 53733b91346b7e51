"""The quantile loss: by hand, against a slow loop, and a lane alone against a stack."""

import pytest
import torch

from rlbench.kit import kernel_choice, quantile_huber_loss, same_bits, value_and_grad


def rand(*shape, seed=0):
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def slow(quantiles, targets):
    """The loss of each of the numbers `quantiles`, as in the paper's equations 9 and 10."""
    losses = []
    for i, estimate in enumerate(quantiles):
        tau, total = (i + 0.5) / len(quantiles), 0.0
        for target in targets:
            error = target - estimate
            huber = 0.5 * error**2 if abs(error) <= 1 else abs(error) - 0.5
            total += abs(tau - (1 if error < 0 else 0)) * huber
        losses.append(total / len(targets))
    return losses


def test_two_quantiles_and_two_targets_by_hand():
    """τ is 0.25 and 0.75. Of 0, errors 1 and 7: 0.25 · (0.5 + 6.5) / 2. Of 4, errors −3 and 3: (0.25 + 0.75) · 2.5 / 2."""
    assert quantile_huber_loss(torch.tensor([0.0, 4.0]), torch.tensor([1.0, 7.0])).tolist() == [0.875, 1.25]


@pytest.mark.parametrize(("quantiles", "targets"), [(1, 1), (1, 6), (5, 5), (7, 3), (25, 46)])
def test_it_is_that_of_a_slow_loop(quantiles, targets):
    ours, theirs = rand(2, 3, quantiles), rand(2, 3, targets, seed=1)
    found = quantile_huber_loss(ours, theirs)
    assert found.shape == (2, 3, quantiles)
    for one, mine, given in zip(found.flatten(0, 1), ours.flatten(0, 1), theirs.flatten(0, 1)):
        assert one.tolist() == pytest.approx(slow(mine.tolist(), given.tolist()), rel=1e-5)


def test_targets_are_shared_by_the_critics_that_an_axis_of_one_stands_for():
    ours, theirs = rand(2, 3, 4, 5), rand(2, 3, 1, 6, seed=1)
    found = quantile_huber_loss(ours, theirs)
    for critic in range(4):
        assert torch.equal(found[:, :, critic], quantile_huber_loss(ours[:, :, critic], theirs[:, :, 0]))


def test_the_gradient_pulls_a_quantile_up_by_tau_and_down_by_the_rest():
    """Far from all targets the Huber function has slope 1: from below −τ for each target, from above 1 − τ."""
    targets = torch.tensor([[0.0, 1.0, 2.0]])
    for start, expected in ((-10.0, [-0.125, -0.375, -0.625, -0.875]), (10.0, [0.875, 0.625, 0.375, 0.125])):
        below = torch.full((1, 4), start)
        _, (gradient,) = value_and_grad(lambda q: quantile_huber_loss(q, targets).sum(-1), [below])
        assert gradient[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("batch", [1, 2, 33])
@pytest.mark.parametrize(("quantiles", "targets"), [(1, 1), (25, 46), (51, 51)])
def test_a_lane_has_the_same_bits_in_any_stack(batch, quantiles, targets):
    ours, theirs = rand(5, batch, quantiles), rand(5, batch, targets, seed=1)

    def numbers(lanes):
        return value_and_grad(
            lambda q, t: quantile_huber_loss(q, t).sum(-1).mean(-1), [ours[lanes].clone()], theirs[lanes]
        )

    kernel_choice.forget()
    loss, (gradient,) = numbers(slice(0, 5))
    assert all(map(same_bits, kernel_choice.operations()))
    kernel_choice.forget()
    for s in range(5):
        alone, (grad,) = numbers(slice(s, s + 1))
        assert torch.equal(alone[0], loss[s]) and torch.equal(grad[0], gradient[s])
