"""Layer normalisation and dropout in the networks of the kit, against torch's own modules and in any stack."""

import numpy as np
import pytest
import torch
from support.torch_modules import module_of, set_masks

from rlbench.kit import MLP, kernel_choice, same_bits, value_and_grad
from rlbench.kit.regularization import layer_norm
from rlbench.seeding import SeedStreams


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def squares(network):
    """The loss [L] of outputs, as a function of parameters, inputs and masks."""
    return lambda params, x, masks: (network(params, x, masks) ** 2).flatten(1).sum(-1)


def test_layer_normalisation_of_one_row_is_that_computed_by_hand():
    """The mean of 1, 3 is 2 and their variance 1, so they become −1 and 1 but for 10⁻⁵ below the root."""
    x, scale, shift = torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[2.0, 2.0]]]), torch.tensor([[[0.0, 10.0]]])
    assert layer_norm(x, scale, shift)[0, 0].tolist() == pytest.approx([-2, 12], abs=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("dims", [(4, 16, 16, 2), (3, 20, 33, 1), (5, 8, 2)])
@pytest.mark.parametrize("batch", [1, 7])
def test_outputs_and_gradients_are_those_of_torchs_modules(dims, batch, dropout):
    network, x = MLP(dims, "tanh", layer_norm=True, dropout=dropout), rand(6, batch, dims[0])
    streams = SeedStreams(range(3))
    params = network.init(streams, "init", copies=2)
    params[:, network._products :] += 0.3 * rand(6, network.size - network._products)  # no longer 1 and 0
    masks = network.masks(streams, "dropout", 2, batch)
    result, (gradient, by_x) = value_and_grad(squares(network), [params, x], masks)
    for lane in range(6):
        module, inputs = module_of(network, params[lane]), x[lane].clone().requires_grad_()
        set_masks(module, [mask.flatten(0, 1)[lane] for mask in masks])
        loss = module(inputs).square().sum()
        loss.backward()
        assert float(result[lane]) == pytest.approx(loss.item(), rel=1e-4, abs=1e-6)
        assert torch.allclose(by_x[lane], inputs.grad, rtol=1e-3, atol=1e-5)
        ours = module_of(network, gradient[lane])  # gradients lie where their parameters lie
        for mine, theirs in zip(ours.parameters(), module.parameters(), strict=True):
            assert torch.allclose(mine, theirs.grad, rtol=1e-3, atol=1e-5)
    assert bool(masks) == bool(dropout)


@pytest.mark.parametrize("dims", [(4, 64, 64, 1), (17, 100, 33, 1), (5, 1, 2)])
@pytest.mark.parametrize("batch", [1, 33])
def test_a_lane_has_the_same_bits_in_any_stack(dims, batch):
    network, x = MLP(dims, layer_norm=True, dropout=0.2), rand(5, batch, dims[0])
    streams = SeedStreams(range(5))
    params, masks = network.init(streams, "init"), network.masks(streams, "dropout", 1, batch)

    def gradients(lanes):
        given = [params[lanes].clone(), x[lanes].clone()]
        return value_and_grad(squares(network), given, [mask[lanes].clone() for mask in masks])[1]

    kernel_choice.forget()
    stacked = gradients(slice(0, 5))
    assert all(map(same_bits, kernel_choice.operations()))
    kernel_choice.forget()
    for s in range(5):
        assert all(torch.equal(alone[0], all_[s]) for alone, all_ in zip(gradients(slice(s, s + 1)), stacked))


def test_masks_are_a_seeds_own_and_differ_between_copies_calls_and_layers():
    network = MLP((3, 64, 64, 1), dropout=0.25)
    streams = SeedStreams([7, 3])
    first, second = (network.masks(streams, "dropout", 2, 100) for _ in range(2))
    alone = network.masks(SeedStreams([3]), "dropout", 2, 100)
    assert [mask.shape for mask in first] == [(2, 2, 100, 64)] * 2
    assert all(torch.equal(a[0], b[1]) for a, b in zip(alone, first))
    drawn = [first[0][0, 0], first[0][0, 1], first[0][1, 0], first[1][0, 0], second[0][0, 0]]
    assert not any(torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])
    values = torch.stack(first)
    assert values.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float((values == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


def test_without_them_a_network_has_the_parameters_and_draws_that_it_had():
    plain, normed = MLP((3, 20, 1)), MLP((3, 20, 1), layer_norm=True)
    streams = SeedStreams([0])
    assert plain.masks(streams, "dropout", 2, 8) == [] and streams.state(0) == {"generators": {}, "blocks": {}}
    params = normed.init(SeedStreams([0]), "init")
    assert torch.equal(params[:, : plain.size], plain.init(SeedStreams([0]), "init"))
    scale, shift = params[0, plain.size :].split(32)
    assert np.unique(scale[:20]).tolist() == [1] and np.unique(shift).tolist() == [0]
