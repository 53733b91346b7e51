"""The rules that every algorithm keeps, and what the cross-entropy method does, against numbers made by hand."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from linear_cem.cem import CrossEntropy, CrossEntropyConfig

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.testing import RULES, check


@pytest.mark.parametrize("rule", RULES)
def test_it_keeps_the_rules(rule):
    check("cem", rule, {"population": 8, "episodes": 4}, steps=600, learn_steps=1500)


def made(action_space=None, seeds=(0, 1), **config):
    """An instance for observations of two numbers."""
    space = Box(-1, 1, (2,), np.float32)
    task = TaskInfo("none", space, action_space or Discrete(2), 1, 100)
    return CrossEntropy(CrossEntropyConfig(**config), task, SeedStreams(seeds), Device())


def test_the_next_distribution_is_that_of_the_best():
    cem = made(population=4, elite=0.5, noise=0)
    cem.candidates[0] = np.arange(4)[:, None]  # all weights of candidate i are i
    cem.returns[0] = [5, -1, 7, 0]
    cem.improve(0)
    assert (cem.mean[0] == 1).all() and (cem.std[0] == 1).all()  # of candidates 0 and 2


def test_the_noise_is_added_to_the_variance_and_dies_out():
    cem = made(population=2, elite=0.5, noise=0.25, noise_generations=2)
    spreads = []
    for _ in range(3):
        cem.improve(0)
        spreads.append(cem.std[0, 0] ** 2)
    assert spreads == pytest.approx([0.25, 0.125, 0])


def test_a_seed_that_refits_leaves_the_others_alone():
    cem = made()
    before = {name: value[1].copy() for name, value in cem.state().items()}
    cem.improve(0)
    assert all(np.array_equal(value[1], before[name]) for name, value in cem.state().items())


def test_the_action_is_the_largest_output():
    cem = made()
    cem.mean[:] = np.array([[1, 0], [0, 1], [0, 0]]).ravel()  # each input to its own output; no constant
    obs = np.array([[[0.3, 0.1], [-0.5, 0.2], [0.0, -0.1]]] * 2, np.float32)
    assert cem.act(obs).tolist() == [[0, 1, 0]] * 2


def test_continuous_actions_span_their_bounds():
    cem = made(Box(np.array([-1, 0], np.float32), np.array([3, 10], np.float32)))
    cem.mean[:] = np.array([[0, 0], [0, 0], [-50, 0]]).ravel()  # the constant alone
    assert cem.act(np.zeros((2, 1, 2), np.float32)).tolist() == [[[-1, 5]]] * 2
