"""Batch renormalisation of stacked networks: by hand, against torch's modules, and a lane alone against a stack."""

import pytest
import torch
from torch import nn

from rlbench.kit import Adam, BatchRenormMLP, kernel_choice, same_bits, value_and_grad
from rlbench.kit.batch_renorm import EPS
from rlbench.seeding import SeedStreams


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network_of(dims, lanes=3, moved=True, **more):
    """A network, and rows whose scales, shifts and statistics are not the initial ones."""
    network = BatchRenormMLP(dims, "tanh", **more)
    rows = network.init(SeedStreams(range(lanes)), "init")
    for start in (network._starts[-1], network.learned):
        for k, (first, second) in enumerate(network._split(rows[:, start:])) if moved else ():
            first.add_(0.3 * rand(*first.shape, seed=k))
            second.add_(0.3 * rand(*second.shape, seed=k + 9).abs())
    return network, rows


def squares(network):
    def loss(rows, x):
        outputs, statistics = network.train(rows, x)
        return (outputs**2).flatten(1).sum(-1), dict, statistics

    return loss


def module_of(network, row):
    """Torch's modules with the numbers of one row [P]."""
    layers, size = [], network._starts[-1]
    pairs = zip(network._split(row[None, size:]), network._split(row[None, network.learned :]))
    for i, ((scale, shift), (mean, variance)) in enumerate(pairs):
        norm = nn.BatchNorm1d(scale.shape[2], eps=EPS, momentum=1 - network._momentum)
        norm.weight.data, norm.bias.data = scale[0, 0].clone(), shift[0, 0].clone()
        norm.running_mean, norm.running_var = mean[0, 0].clone(), variance[0, 0].clone()
        linear, mlp = nn.Linear(*network._linear[i].layers[0]), network._linear[i]
        ((weight, bias),) = mlp._views(row[None, network._starts[i] : network._starts[i + 1]])
        linear.weight.data = weight[0, :, : linear.out_features].T.clone()
        linear.bias.data = bias[0, 0, : linear.out_features].clone()
        layers += [norm, linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("dims", [(4, 16, 16, 2), (3, 20, 33, 1), (1, 5, 2)])
def test_in_the_warm_up_outputs_and_gradients_are_those_of_torchs_batch_normalisation(dims):
    network, rows = network_of(dims)
    x = rand(3, 12, dims[0], seed=5) + 1
    (result, _, statistics), (gradient,) = value_and_grad(lambda rows: squares(network)(rows, x), [rows])
    assert not gradient[:, network.learned :].any()
    network.store(rows, statistics, torch.tensor([True, True, True]))
    for s in range(3):
        module = module_of(network, rows[s])
        loss = module(x[s]).square().sum()
        loss.backward()
        assert float(result[s]) == pytest.approx(loss.item(), rel=1e-5)
        ours = module_of(network, torch.cat([gradient[s, : network.learned], rows[s, network.learned :]]))
        for mine, theirs in zip(ours.parameters(), module.parameters(), strict=True):
            assert torch.allclose(mine, theirs.grad, rtol=1e-3, atol=2e-5)
        module.eval()
        assert torch.allclose(network(rows, x)[s].detach(), module_of(network, rows[s]).eval()(x[s]), atol=1e-5)


def test_running_statistics_move_by_one_minus_the_momentum():
    """Rows 1 and 3 have mean 2 and variance 1: 0.9 · 0 + 0.1 · 2 and 0.9 · 1 + 0.1 · 1."""
    network, rows = network_of((1, 1), lanes=1, moved=False, momentum=0.9)
    _, statistics = network.train(rows, torch.tensor([[[1.0], [3.0]]]))
    network.store(rows, statistics, torch.tensor([True]))
    ((mean, variance),) = network._split(rows[:, network.learned :])
    assert [float(mean), float(variance), float(rows[0, -16])] == pytest.approx([0.2, 1.0, 1.0])


@pytest.mark.parametrize(("count", "expected"), [(4, [-1, 1]), (5, [1.0, 3.0])])
def test_after_the_warm_up_rows_are_normalised_by_the_running_statistics(count, expected):
    """They are 0 and 1 here, so 1 and 3 stay as they are but for EPS: r = 1 and d = 2 are within their limits."""
    network, rows = network_of((1, 1), lanes=1, moved=False, warmup=5)
    rows[:, -16] = count
    rows[:, : network._starts[-1]] = 0
    rows[:, 0] = 1  # a linear layer that changes nothing
    outputs, _ = network.train(rows, torch.tensor([[[1.0], [3.0]]]))
    assert outputs[0, :, 0].tolist() == pytest.approx(expected, abs=3e-3)


def test_a_shift_beyond_the_limit_is_cut_off():
    """Rows 99 and 101 with running mean 0 have d = 100, cut off at 5: 5 − 1 and 5 + 1."""
    network, rows = network_of((1, 1), lanes=1, moved=False, warmup=0)
    rows[:, : network._starts[-1]] = 0
    rows[:, 0] = 1
    outputs, _ = network.train(rows, torch.tensor([[[99.0], [101.0]]]))
    assert outputs[0, :, 0].tolist() == pytest.approx([4, 6], abs=1e-2)


@pytest.mark.parametrize("warmup", [0, 100])
def test_a_constant_input_has_finite_gradients(warmup):
    network, rows = network_of((3, 8, 1), warmup=warmup)
    x = torch.ones(3, 6, 3)
    _, gradients = value_and_grad(squares(network), [rows, x])
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_statistics_of_an_inactive_seed_keep_their_bits_and_adam_leaves_those_of_all():
    network, rows = network_of((3, 8, 1), lanes=4)  # two seeds of two networks
    both, before = rows.view(2, -1), rows.clone()
    x = rand(4, 6, 3)
    x[:2] = float("nan")
    (_, _, statistics), (gradient, _) = value_and_grad(squares(network), [rows, x])
    active = torch.tensor([False, True])
    Adam([both], 0.1).apply([both], [gradient.view(2, -1)], active)
    assert torch.equal(rows[:, network.learned :], before[:, network.learned :])
    network.store(both, statistics, active)
    assert torch.equal(rows[:2], before[:2])
    assert torch.equal(rows[2:, network.learned :], statistics[2:]) and torch.isfinite(rows).all()


@pytest.mark.parametrize("dims", [(4, 64, 64, 1), (17, 100, 33, 12), (1, 5, 2), (23, 256, 1)])
@pytest.mark.parametrize("batch", [1, 2, 33, 100])
@pytest.mark.parametrize("warmup", [0, 100])
def test_a_lane_has_the_same_bits_in_any_stack(dims, batch, warmup):
    network, rows = network_of(dims, lanes=5, warmup=warmup)
    x = rand(5, batch, dims[0], seed=3)

    def numbers(lanes):
        (loss, _, statistics), gradients = value_and_grad(squares(network), [rows[lanes].clone(), x[lanes].clone()])
        return [loss, statistics, *gradients, network(rows[lanes], x[lanes])]

    kernel_choice.forget()
    stacked = numbers(slice(0, 5))
    assert all(map(same_bits, kernel_choice.operations()))
    kernel_choice.forget()
    for s in range(5):
        assert all(torch.equal(alone[0], all_[s]) for alone, all_ in zip(numbers(slice(s, s + 1)), stacked))
