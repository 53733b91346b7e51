"""Ensembles that predict an environment, against numerical integration, a known linear system and slow loops."""

import math

import numpy as np
import pytest
import torch

from rlbench.api import Device
from rlbench.kit import DynamicsEnsemble, Field, Replay, replay_fields
from rlbench.seeding import SeedStreams

A, B, C = np.array([[0.9, 0.2], [-0.1, 0.8]]), np.array([[0.0], [0.5]]), np.array([1.0, -2.0])


def ensemble(seeds=(0,), members=(3, 2), arch=(16,), rate=1e-3, predict="delta", sizes=(2, 1)):
    return DynamicsEnsemble(sizes, members, arch, rate, SeedStreams(seeds), Device("cpu"), predict)


def linear_system(seeds=1, count=1000):
    """Transitions of s' = A s + B a with reward C·s, in which episodes end where the first number is above 1."""
    generator = np.random.Generator(np.random.PCG64(1))
    replay = Replay(seeds, count, **replay_fields(2, Field((1,))))
    obs = generator.normal(0, 1, (seeds, count, 2))
    action = generator.uniform(-1, 1, (seeds, count, 1))
    following = obs @ A.T + action @ B.T
    entry = {"obs": obs, "action": action, "reward": obs @ C, "next_obs": following}
    ended = following[..., 0] > 1
    replay.add(
        **{k: v.astype(np.float32) for k, v in entry.items()}, discount=np.where(ended, 0, 0.9).astype(np.float32)
    )
    return replay


ALL = torch.ones(1, dtype=torch.bool)


def test_the_loss_is_the_likelihood_of_a_density_that_integrates_to_one():
    model = ensemble(members=(1, 1), sizes=(1, 1))
    grid = torch.linspace(-40, 40, 1601)
    first, second = torch.meshgrid(grid, grid, indexing="ij")
    targets = torch.stack([first, second], -1).view(1, 1, -1, 2)
    inputs = torch.tensor([0.3, -0.7]).expand(1, 1, targets.shape[2], 2)
    mean, log_variance, end = (output[0, 0, 0].double() for output in model.outputs(model.params, inputs[:, :, :1]))
    total = 0.0
    for ended in (0.0, 1.0):
        squares = (targets[0, 0].double() - mean) ** 2
        nll = 0.5 * (squares * (-log_variance).exp() + log_variance).sum(-1)
        nll = nll + math.log(1 + math.exp(end)) - ended * end
        total += float((-nll - math.log(2 * math.pi)).exp().sum()) * 0.05**2
        few = slice(0, None, 5_000)
        losses = [
            float(model.losses(model.params, inputs[:, :, :1], targets[:, :, i : i + 1], torch.full((1, 1, 1), ended)))
            for i in range(*few.indices(targets.shape[2]))
        ]
        assert losses == pytest.approx(nll[few].tolist(), rel=1e-5)
    assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("predict", ["delta", "next"])
def test_a_linear_system_is_recovered(predict):
    model, replay = ensemble(arch=(64, 64), rate=3e-3, predict=predict), linear_system()
    for rate in (3e-3, 1e-3, 2e-4):
        model.optimizer.set_lr(rate)
        model.train(replay, 700, 128, ALL)

    def predicted(obs, action):
        obs, action = (torch.tensor(x, dtype=torch.float32).view(1, 1, -1) for x in (obs, action))
        following, reward, _ = model.step(obs, action, torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, 3))
        return np.array([*following[0, 0].tolist(), float(reward)])

    step = 0.5
    columns = [predicted(step * np.eye(2)[i], [0.0]) - predicted(-step * np.eye(2)[i], [0.0]) for i in range(2)]
    columns.append(predicted([0.0, 0.0], [step]) - predicted([0.0, 0.0], [-step]))
    found = np.stack(columns, 1) / (2 * step)
    assert found[:2, :2] == pytest.approx(A, abs=0.05)
    assert found[:2, 2:] == pytest.approx(B, abs=0.05)
    assert found[2] == pytest.approx([*C, 0.0], abs=0.1)
    ended = [model.step(*_state(x), torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, 3))[2] for x in (-1.0, 2.5)]
    assert [bool(e) for e in ended] == [False, True]
    assert float(model.assess(replay, 128)["model_error"]) < 0.05


def _state(first):
    return torch.tensor([[[first, 0.0]]]), torch.zeros(1, 1, 1)


def test_one_members_nan_leaves_the_others_alone_and_it_predicts_nothing():
    replay, members = linear_system(), (3, 2)
    healthy, ill = ensemble(members=members), ensemble(members=members)
    size = ill.network.size
    ill.params[:, size : 2 * size] = torch.nan
    for model in (healthy, ill):
        model.train(replay, 5, 16, ALL)
    for member in (0, 2):
        part = slice(member * size, (member + 1) * size)
        assert torch.equal(healthy.params[:, part], ill.params[:, part])
    assert sorted(ill.elites[0].tolist()) == [0, 2]


def test_one_seeds_nan_leaves_the_other_alone():
    two, one = ensemble(seeds=(0, 1)), ensemble(seeds=(1,))
    both, single = linear_system(2), Replay(1, 1000, **replay_fields(2, Field((1,))))
    single.add(**{name: both.stored(name)[1:].numpy() for name in replay_fields(2, Field((1,)))})
    two.params[0] = torch.nan
    two.train(both, 5, 16, torch.tensor([False, True]))
    one.train(single, 5, 16, ALL)
    assert torch.equal(two.params[1], one.params[0]) and torch.equal(two.elites[1], one.elites[0])
    assert torch.isnan(two.params[0]).all()


def test_held_out_transitions_are_not_learned_from():
    model, replay = ensemble(), linear_system(count=25)
    batches = []
    model._batch, inner = (lambda r, index: batches.append(index) or inner(r, index)), model._batch
    model.train(replay, 60, 16, ALL)
    learned = set(torch.cat([b.flatten() for b in batches[:-1]]).tolist())
    assert learned == {i for i in range(25) if i % 5 != 4}
    assert set(batches[-1].flatten().tolist()) <= {4, 9, 14, 19, 24}


def test_scales_are_the_means_and_deviations_of_each_seed():
    model, replay = ensemble(seeds=(0, 1), predict="next"), linear_system(2)
    model.train(replay, 1, 16, torch.ones(2, dtype=torch.bool))
    targets = torch.cat([replay.stored("next_obs"), replay.stored("reward").unsqueeze(-1)], -1)
    assert model.scales["target_mean"].numpy() == pytest.approx(targets.mean(1).numpy(), abs=1e-5)
    assert model.scales["target_scale"].numpy() == pytest.approx(targets.std(1, correction=0).numpy(), rel=1e-5)


def test_each_row_is_predicted_by_its_own_elite():
    model, replay = ensemble(members=(4, 3)), linear_system()
    model.train(replay, 3, 16, ALL)
    obs, action = replay.stored("obs")[:, :6], replay.stored("action")[:, :6]
    member, normal = torch.tensor([[0, 1, 2, 2, 1, 0]]), torch.linspace(-1, 1, 18).view(1, 6, 3)
    following, reward, ended = model.step(obs, action, member, normal)
    for row in range(6):
        elite = int(model.elites[0, member[0, row]])
        params = model.params.view(1, 4, -1)[:, elite]
        scaled = (torch.cat([obs, action], -1)[:, row] - model.scales["input_mean"]) / model.scales["input_scale"]
        mean, log_variance, end = model.outputs(params, scaled.view(1, 1, 1, 3))
        drawn = mean[0, 0] + (0.5 * log_variance[0, 0]).exp() * normal[0, row]
        drawn = drawn * model.scales["target_scale"] + model.scales["target_mean"]
        assert following[0, row].tolist() == pytest.approx((obs[0, row] + drawn[0, :2]).tolist(), abs=1e-5)
        assert float(reward[0, row]) == pytest.approx(float(drawn[0, 2]), abs=1e-5)
        assert bool(ended[0, row]) == bool(end > 0)


def test_a_loaded_model_learns_as_the_stored_one():
    first, second, replay = ensemble(seeds=(3,)), ensemble(seeds=(3,)), linear_system()
    first.train(replay, 3, 16, ALL)
    second.load_state({name: t.clone() for name, t in first.state().items()})
    second._streams.load([first._streams.state(0)])
    for model in (first, second):
        model.train(replay, 2, 16, ALL)
    for name, t in first.state().items():
        assert torch.equal(t, second.state()[name]), name
