"""Checks of the rules for every algorithm, and of the method against hand-computed numbers."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from linear_cem.cem import CrossEntropy, CrossEntropyConfig

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.testing import RULES, check


@pytest.mark.parametrize("rule", RULES)
def test_it_keeps_the_rules(rule):
    check("cem", rule, {"population": 8, "episodes": 4}, steps=600, learn_steps=1500)


def make_cem(action_space=None, seeds=(0, 1), **config):
    """Return an instance for observations of two numbers."""
    space = Box(-1, 1, (2,), np.float32)
    task = TaskInfo("none", space, action_space or Discrete(2), 1, 100)
    return CrossEntropy(CrossEntropyConfig(**config), task, SeedStreams(seeds), Device())


def test_the_next_distribution_is_fitted_to_the_best():
    cem = make_cem(population=4, elite=0.5, noise=0)
    cem.candidates[0] = np.arange(4)[:, None]  # all weights of candidate i are i
    cem.returns[0] = [5, -1, 7, 0]
    cem.improve(0)
    assert (cem.mean[0] == 1).all() and (cem.std[0] == 1).all()  # of candidates 0 and 2


def test_the_noise_is_added_to_the_variance_and_decreases_to_zero():
    cem = make_cem(population=2, elite=0.5, noise=0.25, noise_generations=2)
    spreads = []
    for _ in range(3):
        cem.improve(0)
        spreads.append(cem.std[0, 0] ** 2)
    assert spreads == pytest.approx([0.25, 0.125, 0])


def test_refitting_a_seed_leaves_the_others_unchanged():
    cem = make_cem()
    before = {name: value[1].copy() for name, value in cem.state().items()}
    cem.improve(0)
    assert all(np.array_equal(value[1], before[name]) for name, value in cem.state().items())


def test_the_action_is_the_largest_output():
    cem = make_cem()
    cem.mean[:] = np.array([[1, 0], [0, 1], [0, 0]]).ravel()  # each input to its own output; no constant
    obs = np.array([[[0.3, 0.1], [-0.5, 0.2], [0.0, -0.1]]] * 2, np.float32)
    assert cem.act(obs).tolist() == [[0, 1, 0]] * 2


def test_continuous_actions_span_their_bounds():
    cem = make_cem(Box(np.array([-1, 0], np.float32), np.array([3, 10], np.float32)))
    cem.mean[:] = np.array([[0, 0], [0, 0], [-50, 0]]).ravel()  # only the constant
    assert cem.act(np.zeros((2, 1, 2), np.float32)).tolist() == [[[-1, 5]]] * 2
