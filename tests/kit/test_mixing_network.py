"""The network that mixes the agents' values: against a loop over its units, monotone, and each seed by itself."""

import math

import pytest
import torch
from support.several_agents import module

from rlbench.kit import MixingNetwork, elu
from rlbench.seeding import SeedStreams


def drawn(seeds=(1, 2, 3), count=3, state=4, embed=5, hidden=7, batch=6):
    network = MixingNetwork(count, state, embed, hidden)
    params = 3 * network.init(SeedStreams(seeds), "init")
    g = torch.Generator().manual_seed(len(seeds))
    values, states = (torch.randn(len(seeds), batch, n, generator=g) for n in (count, state))
    return network, params, 2 * values, states


def mixed_slowly(row, values, state, embed, hidden):
    """The mixture of values [G] in one state [m], unit by unit, from one seed's parameters."""
    count, outputs = len(values), []
    for dims in (
        (len(state), hidden, embed * count),
        (len(state), embed),
        (len(state), hidden, embed),
        (len(state), embed, 1),
    ):
        outputs.append(module(dims, row)(state))
        row = row[sum(a * -(-b // 16) * 16 + -(-b // 16) * 16 for a, b in zip(dims, dims[1:])) :]
    assert not len(row)
    first, bias, second, last = (output.tolist() for output in outputs)
    total = last[0]
    for unit in range(embed):
        x = bias[unit] + sum(abs(first[unit * count + i]) * float(values[i]) for i in range(count))
        total += abs(second[unit]) * (x if x > 0 else math.exp(x) - 1)
    return total


def test_it_is_a_loop_over_units_with_absolute_weights():
    network, params, values, states = drawn()
    mixed = network(params, values, states)
    assert mixed.shape == (3, 6)
    for seed in range(3):
        for i in range(6):
            expected = mixed_slowly(params[seed], values[seed, i], states[seed, i], 5, 7)
            assert mixed[seed, i].item() == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_it_never_falls_when_a_value_rises():
    network, params, values, states = drawn(batch=200)
    values.requires_grad_()
    slope = torch.autograd.grad(network(params, values, states).sum(), values)[0]
    assert (slope >= 0).all() and (slope > 0).float().mean() > 0.9
    for agent in range(3):
        raised = values.detach().clone()
        raised[..., agent] += 1.0
        assert (network(params, raised, states) >= network(params, values, states) - 1e-4).all()


def test_the_state_may_change_the_mixture_in_any_direction():
    network, params, values, states = drawn(batch=200)
    states.requires_grad_()
    slope = torch.autograd.grad(network(params, values, states).sum(), states)[0]
    assert (slope > 0).any() and (slope < 0).any()


@pytest.mark.parametrize("embed", [5, 32])
def test_a_seeds_mixtures_and_gradients_are_the_same_alone_and_in_a_stack(embed):
    network, params, values, states = drawn(embed=embed)

    def outcome(rows):
        p = params[rows].clone().requires_grad_()
        v = values[rows].clone().requires_grad_()
        mixed = network(p, v, states[rows])
        return mixed.detach(), *torch.autograd.grad((mixed * mixed).sum(), [p, v])

    for whole, alone in zip(outcome([0, 1, 2]), outcome([1])):
        assert torch.equal(whole[1], alone[0])


def test_each_seed_draws_its_own_parameters():
    network = MixingNetwork(2, 3)
    both, second = (network.init(SeedStreams(seeds), "init") for seeds in ((1, 2), (2,)))
    assert both.shape == (2, network.size) and torch.equal(both[1], second[0]) and not torch.equal(both[0], both[1])


def test_elu_is_torchs_own_at_every_place_of_a_tensor():
    x = torch.linspace(-200, 200, 1001)
    torch.testing.assert_close(elu(x), torch.nn.functional.elu(x), rtol=1e-6, atol=1e-6)
    assert torch.equal(torch.stack([elu(v.clone()) for v in x]), elu(x))
    x.requires_grad_()
    assert torch.autograd.grad(elu(x).sum(), x)[0].isfinite().all()
