"""The squashed Gaussian against numerical integration, a histogram of its own draws, and torch.distributions."""

import math

import pytest
import torch
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from rlbench.kit.squashed_gaussian import squashed_gaussian

GENERATOR = torch.Generator().manual_seed(0)
CASES = [(0.0, 0.0), (0.7, -1.0), (-1.5, 0.3), (3.0, -0.5), (0.2, -3.0), (0.0, 0.7)]


def density(action, mean, log_std):
    """The density at given actions [B], one dimension, by choosing the noise that leads to each."""
    noise = (torch.atanh(action) - mean) / math.exp(log_std)
    ones = torch.ones_like(action)[None, :, None]
    found, log_prob = squashed_gaussian(mean * ones, log_std * ones, noise[None, :, None])
    assert torch.allclose(found[0, :, 0], action)
    return log_prob[0].exp()


def midpoints(count, low=-1.0, high=1.0):
    width = (high - low) / count
    return low + width * (torch.arange(count, dtype=torch.float64) + 0.5), width


@pytest.mark.parametrize(("mean", "log_std"), CASES)
def test_the_density_integrates_to_one(mean, log_std):
    grid, width = midpoints(400_000)
    assert float(density(grid, mean, log_std).sum() * width) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("mean", "log_std"), CASES)
def test_draws_fall_into_bins_as_often_as_the_density_says(mean, log_std):
    ones, count = torch.ones(1, 400_000, 1, dtype=torch.float64), 400_000
    noise = torch.randn(1, count, 1, dtype=torch.float64, generator=GENERATOR)
    action, _ = squashed_gaussian(mean * ones, log_std * ones, noise)
    frequency = torch.histc(action, 20, -1, 1) / count
    grid, width = midpoints(400_000)
    expected = (density(grid, mean, log_std) * width).view(20, -1).sum(1)
    error = (expected * (1 - expected) / count).sqrt()
    assert ((frequency - expected).abs() < 5 * error + 1e-3).all()


@pytest.mark.parametrize("size", [1, 3, 6])
def test_value_and_gradients_are_those_of_torchs_transformed_distribution(size):
    mean, log_std, noise = torch.randn(3, 2, 5, size, dtype=torch.float64, generator=GENERATOR)
    log_std = 0.3 * log_std  # the peer undoes the tanh, which beyond 15 has no inverse left in float64
    ours, theirs = ([x.clone().requires_grad_() for x in (mean, log_std)] for _ in range(2))
    action, log_prob = squashed_gaussian(*ours, noise)
    peer = TransformedDistribution(Normal(theirs[0], theirs[1].exp()), TanhTransform(cache_size=1))
    peer_action = torch.tanh(theirs[0] + theirs[1].exp() * noise)
    expected = peer.log_prob(peer_action).sum(-1)
    assert torch.allclose(action, peer_action) and torch.allclose(log_prob, expected)
    for mine, peers in zip(
        torch.autograd.grad(log_prob.sum(), ours), torch.autograd.grad(expected.sum(), theirs), strict=True
    ):
        assert torch.allclose(mine, peers, atol=1e-6)


@pytest.mark.parametrize("mean", [-200.0, -20.0, 9.0, 50.0])
def test_the_density_and_its_gradient_stay_finite_where_tanh_is_one(mean):
    """There log(1 − tanh²(u)) is −∞ in float32; the truth is log 4 − 2|u| to within e^−2|u|."""
    at = torch.full((1, 1, 1), mean, requires_grad=True)
    action, log_prob = squashed_gaussian(at, torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
    (slope,) = torch.autograd.grad(log_prob.sum(), at)
    action, log_prob = action.detach(), log_prob.detach()
    assert abs(float(action)) == pytest.approx(1)
    assert float(log_prob) == pytest.approx(-0.5 * math.log(2 * math.pi) - math.log(4) + 2 * abs(mean), rel=1e-5)
    assert float(slope) == pytest.approx(math.copysign(2, mean), rel=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (33, 6), (100, 3), (7, 17)])
def test_its_bits_do_not_depend_on_the_stack(shape):
    mean, log_std, noise = torch.randn(3, 7, *shape, generator=GENERATOR)
    action, log_prob = squashed_gaussian(mean, log_std, noise)
    for s in range(7):
        alone = squashed_gaussian(*(x[s : s + 1].clone() for x in (mean, log_std, noise)))
        assert torch.equal(alone[0][0], action[s]) and torch.equal(alone[1][0], log_prob[s])
