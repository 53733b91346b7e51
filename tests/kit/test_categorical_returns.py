"""Distributions of returns over atoms: by hand, against a slow loop, and a lane alone against a stack."""

import math

import pytest
import torch

from rlbench.kit import kernel_choice, same_bits, value_and_grad
from rlbench.kit.categorical_returns import divergence, equidistant, projected


def probabilities(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).softmax(-1)


def numbers(*shape, seed=1):
    return 4 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def slow(probability, values, low, high, count):
    """Algorithm 1 of the paper: where a value lies between two atoms, its probability is parted."""
    step, result = (high - low) / (count - 1), [0.0] * count
    for p, value in zip(probability, values):
        place = (min(max(value, low), high) - low) / step
        below, above = math.floor(place), math.ceil(place)
        if below == above:
            result[below] += p
        else:
            result[below] += p * (above - place)
            result[above] += p * (place - below)
    return result


def test_three_values_by_hand():
    """Onto −1, 0, 1: −3 counts as −1, 0.25 gives three quarters to 0 and one to 1, and 1 lies on an atom."""
    atoms = torch.tensor([-1.0, 0.0, 1.0])
    found = projected(torch.tensor([0.5, 0.4, 0.1]), torch.tensor([-3.0, 0.25, 1.0]), atoms)
    assert found.tolist() == pytest.approx([0.5, 0.3, 0.2])


@pytest.mark.parametrize(("low", "high", "count"), [(-10.0, 10.0, 51), (0.0, 100.0, 11), (-3.0, 1.0, 2)])
def test_it_is_the_projection_of_a_slow_loop_and_keeps_the_probability(low, high, count):
    probability, values = probabilities(2, 3, count), numbers(2, 3, count)
    found = projected(probability, values, torch.linspace(low, high, count))
    assert found.sum(-1).ravel().tolist() == pytest.approx([1.0] * 6)
    for one, p, value in zip(found.flatten(0, 1), probability.flatten(0, 1), values.flatten(0, 1)):
        assert one.tolist() == pytest.approx(slow(p.tolist(), value.tolist(), low, high, count), abs=1e-6)


@pytest.mark.parametrize(("low", "high", "count"), [(-10.0, 10.0, 51), (1000.0, 1010.0, 51), (-10.0, 10.0, 501)])
def test_all_probability_is_kept_wherever_the_atoms_lie(low, high, count):
    probability, values = probabilities(500, count), low + (high - low) * torch.rand(500, count)
    total = projected(probability, values, equidistant(low, high, count)).double().sum(-1)
    assert total.tolist() == pytest.approx([1.0] * 500, abs=3e-7)


@pytest.mark.parametrize(
    ("low", "high", "count"),
    [(-math.inf, 1, 11), (0, math.inf, 11), (math.nan, 1, 11), (1, 1, 2), (2, 1, 3), (1e8, 1e8 + 50, 11)],
)
def test_atoms_that_are_not_finite_or_not_different_are_refused(low, high, count):
    with pytest.raises(ValueError, match=f"wide enough for {count} numbers of float32"):
        equidistant(low, high, count)


def test_a_distribution_on_the_atoms_stays_as_it_is():
    atoms, probability = torch.linspace(-10, 10, 51), probabilities(2, 4, 51)
    assert torch.allclose(projected(probability, atoms.expand(2, 4, 51), atoms), probability, atol=1e-6)


def test_the_divergence_is_torchs_and_0_of_itself():
    target, other = probabilities(2, 3, 7), probabilities(2, 3, 7, seed=5)
    target[0, 0] = torch.eye(7)[2]  # of probabilities 0, whose logarithm is infinite
    expected = torch.nn.functional.kl_div(other.log(), target, reduction="none").sum(-1)
    assert torch.allclose(divergence(target, other.log()), expected, atol=1e-6)
    assert divergence(other, other.log()).abs().max() < 1e-6


@pytest.mark.parametrize("batch", [1, 2, 33])
@pytest.mark.parametrize("count", [2, 51])
def test_a_lane_has_the_same_bits_in_any_stack(batch, count):
    logits, probability, values = numbers(5, batch, count), probabilities(5, batch, count), numbers(5, batch, count)
    atoms = torch.linspace(-10, 10, count)

    def loss(logits, probability, values):
        return divergence(projected(probability, values, atoms), logits.log_softmax(-1)).mean(-1)

    def of(lanes):
        return value_and_grad(loss, [logits[lanes].clone()], probability[lanes].clone(), values[lanes].clone())

    kernel_choice.forget()
    losses, (gradient,) = of(slice(0, 5))
    assert all(map(same_bits, kernel_choice.operations()))
    kernel_choice.forget()
    for s in range(5):
        alone, (grad,) = of(slice(s, s + 1))
        assert torch.equal(alone[0], losses[s]) and torch.equal(grad[0], gradient[s])
