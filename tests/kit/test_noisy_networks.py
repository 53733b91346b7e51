"""Noisy networks: against torch's own layers of hand-made weights, what noise is, and a lane alone against a stack."""

import pytest
import torch
from support.torch_modules import module_of
from torch import nn

from rlbench.kit import MLP, NoisyMLP, kernel_choice, same_bits, value_and_grad
from rlbench.seeding import SeedStreams


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network_of(dims, lanes=3):
    """A network and rows whose scales all differ; the padding stays 0."""
    network = NoisyMLP(dims, "tanh")
    rows = network.init(SeedStreams(range(lanes)), "init")
    half = network.size // 2
    rows[:, half:] *= 1 + rand(lanes, half, seed=9).abs()
    return network, rows


def noisy_layers(network, row, normal):
    """Fortunato's equations for one seed with torch's layers: each weight from its mean, scale and factors."""
    dims, half = network._mlp.layers, network.size // 2
    means, scales = module_of(network._mlp, row[:half]), module_of(network._mlp, row[half:])
    for (inputs, outputs), mean, scale in zip(dims, means[::2], scales[::2]):
        left, right, normal = normal[:inputs], normal[inputs : inputs + outputs], normal[inputs + outputs :]
        left, right = (torch.tensor([(1 if e > 0 else -1) * abs(e) ** 0.5 for e in x.tolist()]) for x in (left, right))
        mean.weight.data += scale.weight.data * torch.outer(right, left)
        mean.bias.data += scale.bias.data * right
    assert len(normal) == 0
    return means


@pytest.mark.parametrize("dims", [(4, 16, 2), (3, 20, 33, 1), (1, 5, 17)])
def test_outputs_are_those_of_torchs_layers_with_noisy_weights(dims):
    network, rows = network_of(dims)
    x, normal = rand(3, 7, dims[0], seed=1), rand(3, network.factors, seed=2)
    found = network(rows, x, network.noise(normal))
    for s in range(3):
        module = noisy_layers(network, rows[s], normal[s])
        assert torch.allclose(found[s], module(x[s]), atol=1e-5)
    assert not torch.allclose(found, network(rows, x), atol=1e-2)


def test_without_noise_it_is_the_network_of_the_means():
    network, rows = network_of((4, 16, 2))
    x = rand(3, 7, 4)
    assert torch.equal(network(rows, x), MLP((4, 16, 2), "tanh")(rows[:, : network.size // 2].clone(), x))


def test_one_weight_by_hand():
    """Mean 2, scale 0.5, factors 4 and −9: 2 + 0.5 · 2 · (−3) = −1. The bias: 1 + 0.5 · (−3) = −0.5."""
    network = NoisyMLP((1, 1))
    rows = torch.zeros(1, network.size)
    rows[0, 0], rows[0, 16] = 2.0, 1.0  # the weight, the bias, each with its padding
    rows[0, 32], rows[0, 48] = 0.5, 0.5
    noise = network.noise(torch.tensor([[4.0, -9.0]]))
    assert network(rows, torch.tensor([[[10.0]]]), noise).item() == 10 * -1 - 0.5


def test_scales_begin_at_sigma_0_over_the_root_of_the_inputs():
    network = NoisyMLP((4, 9, 2), scale=0.4)
    layers = [m for m in module_of(network._mlp, network.init(SeedStreams([1]), "x")[0, network.size // 2 :]) if isinstance(m, nn.Linear)]  # fmt: skip
    for layer, expected in zip(layers, (0.2, 0.4 / 3)):
        assert layer.weight.data.ravel().tolist() == pytest.approx([expected] * layer.weight.numel())
        assert layer.bias.data.tolist() == pytest.approx([expected] * layer.bias.numel())


def test_padding_gets_no_gradient_and_scales_do():
    network, rows = network_of((4, 5, 2))
    x, noise = rand(3, 7, 4), network.noise(rand(3, network.factors, seed=2))
    _, (gradient,) = value_and_grad(lambda rows: (network(rows, x, noise) ** 2).flatten(1).sum(-1), [rows])
    used = torch.cat([network.init(SeedStreams([5]), "x")[0, network.size // 2 :] != 0] * 2)
    assert (gradient[:, ~used] == 0).all() and (gradient[:, used] != 0).all()


@pytest.mark.parametrize("dims", [(4, 64, 64, 1), (17, 100, 33, 12), (1, 5, 2)])
@pytest.mark.parametrize("batch", [1, 2, 33])
def test_a_lane_has_the_same_bits_in_any_stack(dims, batch):
    network, rows = network_of(dims, lanes=5)
    x, normal = rand(5, batch, dims[0], seed=3), rand(5, network.factors, seed=4)

    def loss(rows, x, noise):
        return (network(rows, x, noise) ** 2).flatten(1).sum(-1)

    def numbers(lanes):
        noise = network.noise(normal[lanes].clone())
        value, gradients = value_and_grad(loss, [rows[lanes].clone(), x[lanes].clone()], noise)
        return [value, *gradients, network(rows[lanes], x[lanes])]

    kernel_choice.forget()
    stacked = numbers(slice(0, 5))
    assert all(map(same_bits, kernel_choice.operations()))
    kernel_choice.forget()
    for s in range(5):
        assert all(torch.equal(alone[0], all_[s]) for alone, all_ in zip(numbers(slice(s, s + 1)), stacked))
