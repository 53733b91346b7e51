"""Means of what an update logs: of the right updates and seeds, the same however they were gathered."""

import math

import numpy as np
import pytest
import torch
from rlbench_dqn.dqn import DQN, DQNConfig
from rlbench_ppo.ppo import PPO, PPOConfig

from rlbench.runtime.live_interaction import LiveInteraction
from rlbench.runtime.metric_means import MetricMeans
from rlbench.testing import play

ALL = np.ones(2, bool)
SMALL = {"net_arch": (8,), "learning_starts": 20, "batch_size": 8, "buffer_size": 100}


def taken(means):
    return {name: (values.tolist(), has_one.tolist()) for name, values, has_one in means.take()}


def test_means_are_those_of_each_seed_over_the_updates_that_concern_it():
    means = MetricMeans(2)
    means.add({"loss": torch.tensor([1.0, 10.0]), "epsilon": 0.5}, ALL)
    means.add({"loss": torch.tensor([3.0, 20.0]), "epsilon": 0.3}, ALL, torch.tensor([True, False]))
    means.add({"loss": np.array([5.0, 99.0])}, np.array([True, False]))  # the second seed is parked
    assert taken(means) == {"loss": ([3.0, 10.0], [True, True]), "epsilon": ([0.4, 0.5], [True, True])}
    means.add({"loss": torch.tensor([7.0, 7.0])}, ALL, np.array([False, True]))
    assert taken(means) == {"loss": ([0.0, 7.0], [False, True])}  # begun again


def test_a_mean_has_the_same_bits_whenever_it_is_read_and_whatever_stands_beside_it():
    draw = np.random.default_rng(0)
    numbers = (draw.standard_normal((3000, 2)) * 10.0 ** draw.integers(-6, 6, (3000, 2))).astype(np.float32)
    expected = [0.0, 0.0]
    for row in numbers:
        for seed in range(2):
            expected[seed] += float(row[seed])
    whole, saved, alone = MetricMeans(2), MetricMeans(2), MetricMeans(1)
    for i, row in enumerate(numbers):
        whole.add({"x": torch.from_numpy(row)}, ALL)
        alone.add({"x": torch.from_numpy(row[1:])}, np.ones(1, bool))
        saved.add({"x": torch.from_numpy(row)}, ALL)
        if i % 701 == 0:  # interrupted and resumed
            states = [saved.state(0), saved.state(1)]
            saved = MetricMeans(2)
            saved.load(states)
    ((mean, _),) = taken(whole).values()
    assert mean == [total / 3000 for total in expected]
    assert taken(saved)["x"][0] == mean and taken(alone)["x"][0] == mean[1:]


def test_numbers_that_are_computed_are_so_at_every_32nd_update_and_the_first_after_a_point():
    means, due = MetricMeans(1), []
    for update in range(80):
        if update == 40:
            states = [means.state(0)]
            means = MetricMeans(1)
            means.load(states)  # interrupted and resumed
        due.append(means.is_due("critic"))
        means.is_due("actor")
    assert [update for update, is_due in enumerate(due) if is_due] == [0, 32, 64]
    list(means.take())
    assert [means.is_due("critic"), means.is_due("actor"), means.is_due("critic")] == [True, True, False]


def test_a_loss_that_is_not_a_number_shows():
    means = MetricMeans(1)
    for value in (1.0, math.nan, 1.0):
        means.add({"loss": torch.tensor([value])}, np.ones(1, bool))
    assert math.isnan(taken(means)["loss"][0][0])


def metrics(played):
    return {(m.seed, m.step, m.name): m.value for m in played.sink.metrics}


def test_each_point_of_the_evaluation_grid_has_one_mean_of_every_metric():
    played = play(DQN, DQNConfig(**SMALL), "CartPole-v1", [0, 1], 120, every=40)
    found = metrics(played)
    assert len(found) == len(played.sink.metrics)
    assert {step for _, step, _ in found} == {40, 80, 120} and {seed for seed, _, _ in found} == {0, 1}
    assert {name for _, _, name in found} == {"td_loss", "mean_q", "epsilon", "grad_norm"}
    # Updates follow steps 21 to 120; epsilon falls from 1 to 0.05 over the first 24 steps. A step's update comes after
    # the evaluation in it, so its numbers belong to the next point.
    epsilon = [1 - 0.95 * min(step / 24, 1) for step in range(121)]
    assert found[0, 40, "epsilon"] == pytest.approx(epsilon[21])  # of the first update, and every 32nd from there
    assert found[0, 80, "epsilon"] == pytest.approx(0.05)


def test_without_a_grid_there_are_twenty_points():
    played = play(DQN, DQNConfig(**SMALL), "CartPole-v1", [0], 400, every=0)
    assert {m.step for m in played.sink.metrics} == set(range(40, 401, 20))


@pytest.mark.parametrize(
    ("algorithm", "config"),
    [(DQN, DQNConfig(**SMALL)), (PPO, PPOConfig(n_envs=2, n_steps=16, batch_size=16, n_epochs=2, net_arch=(8,)))],
    ids=["dqn", "ppo"],
)
def test_logging_leaves_every_bit_of_the_run_as_it_is_without(algorithm, config, monkeypatch):
    logged = play(algorithm, config, "CartPole-v1", [0, 1], 128, every=64)
    monkeypatch.setattr(LiveInteraction, "log_mean", lambda self, *computed, where=None, **metrics: None)
    silent = play(algorithm, config, "CartPole-v1", [0, 1], 128, every=64)
    assert logged.sink.metrics and not silent.sink.metrics
    for seed in (0, 1):
        assert {**logged.of_seed(seed), "metrics": []} == silent.of_seed(seed)


def test_a_seeds_means_do_not_depend_on_the_seeds_beside_it():
    stacked = metrics(play(DQN, DQNConfig(**SMALL), "CartPole-v1", [0, 1, 2], 120, every=40))
    alone = metrics(play(DQN, DQNConfig(**SMALL), "CartPole-v1", [1], 120, every=40))
    assert alone and alone == {key: value for key, value in stacked.items() if key[0] == 1}
