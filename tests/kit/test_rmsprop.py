"""RMSProp per seed against torch's own, against TensorFlow's form as Stable-Baselines3 has it, and its independence."""

import pytest
import torch
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from torch import nn

from rlbench.kit.rmsprop import RMSprop

GENERATOR = torch.Generator().manual_seed(0)
ALL = torch.ones(3, dtype=torch.bool)


def rand(*shape):
    return torch.randn(*shape, generator=GENERATOR)


@pytest.mark.parametrize(("inside", "peer"), [(False, torch.optim.RMSprop), (True, RMSpropTFLike)])
@pytest.mark.parametrize(("alpha", "eps"), [(0.99, 1e-5), (0.9, 0.1)])
def test_rmsprop_is_the_peers_for_each_seed(inside, peer, alpha, eps):
    params = [rand(3, 32), rand(3, 16)]
    theirs = [[nn.Parameter(p[s].clone()) for p in params] for s in range(3)]
    ours = RMSprop(params, 1e-2, eps, alpha, inside)
    optimizers = [peer(p, 1e-2, alpha=alpha, eps=eps) for p in theirs]
    for step in range(20):
        grads, lr = [rand(3, 32), rand(3, 16)], 1e-2 / (step + 1)
        ours.set_lr(lr)
        ours.apply(params, grads, ALL)
        for s in range(3):
            optimizers[s].param_groups[0]["lr"] = lr
            for p, g in zip(theirs[s], grads):
                p.grad = g[s].clone()
            optimizers[s].step()
    for s in range(3):
        for p, q in zip(params, theirs[s]):
            assert torch.allclose(p[s], q, atol=1e-6)


@pytest.mark.parametrize("inside", [False, True])
def test_an_inactive_seed_keeps_its_bits_whatever_its_gradient(inside):
    params = [rand(3, 16)]
    optimizer = RMSprop(params, 0.1, eps_inside=inside)
    optimizer.apply(params, [rand(3, 16)], ALL)
    before, square = params[0].clone(), optimizer.square[0].clone()
    grad = rand(3, 16)
    grad[1] = float("nan")
    optimizer.apply(params, [grad], torch.tensor([True, False, True]))
    assert torch.equal(params[0][1], before[1]) and torch.equal(optimizer.square[0][1], square[1])
    assert torch.isfinite(params[0]).all() and not torch.equal(params[0][0], before[0])


def test_a_seeds_bits_do_not_depend_on_the_stack():
    start, grads = rand(7, 48), [rand(7, 48) for _ in range(5)]

    def after(rows):
        params = [start[rows].clone()]
        optimizer = RMSprop(params, 1e-2)
        for g in grads:
            optimizer.apply(params, [g[rows].clone()], torch.ones(len(rows), dtype=torch.bool))
        return params[0]

    stacked = after(list(range(7)))
    assert all(torch.equal(after([s])[0], stacked[s]) for s in range(7))


def test_rmsprop_goes_on_from_its_state():
    params, again = [rand(2, 16)], [torch.zeros(2, 16)]
    first, second = RMSprop(params, 1e-2), RMSprop(again, 1e-2)
    on = torch.ones(2, dtype=torch.bool)
    first.apply(params, [rand(2, 16)], on)
    again[0].copy_(params[0])
    second.load_state({k: v.clone() for k, v in first.state().items()})
    grad = rand(2, 16)
    first.apply(params, [grad], on)
    second.apply(again, [grad], on)
    assert torch.equal(params[0], again[0])
