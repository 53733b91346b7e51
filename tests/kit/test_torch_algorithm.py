"""The base class of our algorithms, gradients as functions, and what normalises and parts a rollout."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.kit import Adam, TorchAlgorithm, gradient_of, masked_mean, minibatches, standardize

GENERATOR = torch.Generator().manual_seed(0)
TASK = TaskInfo("none", Box(-1, 1, (2, 3), np.float32), Discrete(2), 1, 10)


def rand(*shape):
    return torch.randn(*shape, generator=GENERATOR)


class Small(TorchAlgorithm):
    policy_parts = ("params",)

    def __init__(self, seeds=(0, 1, 2)):
        super().__init__(None, TASK, SeedStreams(seeds), Device())
        self.params, self.seen = rand(self.num_seeds, 16), np.zeros(self.num_seeds, np.int64)
        self.optimizer = Adam([self.params], 0.1)

    def parts(self):
        return {"params": self.params, "seen": self.seen, "optimizer": self.optimizer}

    def act(self, obs): ...

    def train(self, interaction): ...


def test_it_is_saved_by_its_parts_and_published_by_those_of_its_policy():
    one, other = Small(), Small()
    one.optimizer.apply([one.params], [rand(3, 16)], torch.ones(3, dtype=torch.bool))
    one.seen += 5
    assert set(one.state()) == {"params", "seen", "optimizer.step", "optimizer.mean.0", "optimizer.square.0"}
    assert set(one.final_state()) == {"params"}
    other.load_final_state(one.final_state())
    assert torch.equal(other.params, one.params) and other.seen.tolist() == [0, 0, 0]
    other.load_state(one.state())
    assert other.seen.tolist() == [5, 5, 5]
    for mine, its in zip((one.params, *one.optimizer.mean), (other.params, *other.optimizer.mean), strict=True):
        assert torch.equal(mine, its)
    other.seen += 1  # what is loaded is not shared
    assert one.seen.tolist() == [5, 5, 5] and one.state()["seen"].tolist() == [5, 5, 5]


def test_a_checkpoint_is_written_from_what_training_uses_and_not_from_a_copy():
    one = Small()
    copied, written = one.state(), one.state_to_write()
    assert set(copied) == set(written)
    one.params += 1
    assert np.array_equal(written["params"], one.params.numpy()) and not np.array_equal(copied["params"], written["params"])  # fmt: skip


def test_a_checkpoint_of_a_subclass_with_a_state_of_its_own_has_that_state():
    class Own(Small):
        def state(self):
            return {"own": np.zeros(3)}

    assert set(Own().state_to_write()) == {"own"}


def test_without_policy_parts_everything_is_published():
    class All(Small):
        policy_parts = ()

    assert set(All().final_state()) == set(All().state())


def test_it_knows_its_sizes():
    small = Small(seeds=(4, 5))
    assert (small.num_seeds, small.obs_size) == (2, 6)


def test_active_seeds_are_made_a_tensor_once_for_each_array():
    small, interaction = Small(), SimpleNamespace(active=np.array([True, True, True]))
    first = small.active(interaction)
    assert first is small.active(interaction) and first.tolist() == [True] * 3
    interaction.active = np.array([True, False, True])
    assert small.active(interaction).tolist() == [True, False, True]


# -- gradients ---------------------------------------------------------------------------------------------------------
def squares(params, bias, x, y):
    """A loss of two parameters; its target comes from the first one, and is not learned from."""
    return ((params * x).sum(-1) + bias[:, 0] - y) ** 2, lambda: {"seen": (params * x).sum(-1)}


@pytest.mark.parametrize("max_norm", [None, 0.01, 1e9])
def test_gradients_of_a_loss_are_those_of_each_seed_alone_clipped_over_all_its_parameters(max_norm):
    params, bias, x, y = rand(3, 16), rand(3, 16), rand(3, 16), rand(3)
    (by_params, by_bias), metrics_of_all = gradient_of(squares, Device(), max_norm)([params, bias], x, y)
    found = metrics_of_all()
    for s in range(3):
        leaves = [nn.Parameter(t[s].clone()) for t in (params, bias)]
        loss, metrics = squares(*(leaf[None] for leaf in leaves), x[s][None], y[s][None])
        loss.sum().backward()
        whole = torch.cat([leaf.grad for leaf in leaves]).norm()  # before clipping
        if max_norm is not None:
            nn.utils.clip_grad_norm_(leaves, max_norm)
        assert torch.allclose(by_params[s], leaves[0].grad, atol=1e-6)
        assert torch.allclose(by_bias[s], leaves[1].grad, atol=1e-6)
        assert found["grad_norm"][s] == pytest.approx(float(whole), rel=1e-5)
        assert found["seen"][s] == pytest.approx(float(metrics()["seen"].detach()), abs=1e-5)
        assert not found["seen"].requires_grad


def test_gradients_are_scaled_before_they_are_clipped():
    scale = torch.tensor([0.0, 3.0]).repeat(8)
    (grad,) = gradient_of(lambda params: (params * 5).sum(-1), Device(), 1.0, scale=scale)([rand(2, 16)])
    expected = 15.0 / (15.0 * 8**0.5)
    assert grad == pytest.approx(np.tile([0.0, expected], (2, 8)), abs=1e-6)


def test_gradients_for_blocks_of_seeds_are_those_of_all_at_once():
    params, x, calls = rand(6, 16), rand(6, 16), []

    def loss(params, x):
        calls.append(len(params))
        return (params * x).pow(2).sum(-1)

    (whole,) = gradient_of(loss, Device())([params], x)
    (parts,) = gradient_of(loss, Device(), seeds_at_a_time=2)([params], x)
    assert torch.equal(whole, parts) and calls == [6, 2, 2, 2]


def test_a_loss_that_an_algorithm_changes_is_the_one_that_is_differentiated():
    class One:
        def __init__(self):
            self.gradient = gradient_of(self.loss, Device())

        def loss(self, params):
            return params.sum(-1)

    class Twice(One):
        def loss(self, params):
            return 2 * super().loss(params)

    assert Twice().gradient([rand(1, 16)])[0].tolist() == [[2.0] * 16]


# -- rollouts ----------------------------------------------------------------------------------------------------------
def test_numbers_are_standardized_for_each_seed():
    x, mask = rand(3, 9) * 4 + 7, torch.tensor([[1.0] * 9, [1.0] * 4 + [0.0] * 5, [0.0] * 9])
    found, counted = standardize(x).numpy(), standardize(x, mask).numpy()
    for s, count in enumerate((9, 4)):
        row = x[s].double().numpy()
        assert found[s] == pytest.approx((row - row.mean()) / row.std(), abs=1e-4)
        part = row[:count]
        assert counted[s, :count] == pytest.approx((part - part.mean()) / part.std(), abs=1e-4)
    assert masked_mean(x, mask).tolist() == pytest.approx([x[0].mean().item(), x[1, :4].mean().item(), 0], abs=1e-5)
    assert np.isfinite(counted).all() and (standardize(torch.ones(1, 5)) == 0).all()


@pytest.mark.parametrize("size", [2, 4, 12])
def test_minibatches_are_those_of_a_slow_loop_over_each_seeds_order(size):
    number, pair = torch.arange(24).view(2, 4, 3), rand(2, 4, 3, 2)
    order = torch.stack([torch.randperm(12, generator=GENERATOR) for _ in range(2)])
    found = list(minibatches([number, pair], order, size))
    assert len(found) == 12 // size
    for k, (numbers, pairs) in enumerate(found):
        for s in range(2):
            steps = [divmod(int(i), 3) for i in order[s, k * size : (k + 1) * size]]
            assert numbers[s].tolist() == [int(number[s, t, n]) for t, n in steps]
            assert torch.equal(pairs[s], torch.stack([pair[s, t, n] for t, n in steps]))
