"""Normalised actions and the environment's, on bounds that are not symmetric and differ by dimension."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete

from rlbench.kit.action_bounds import ActionBounds

LOW, HIGH = np.array([-1, 0, -3], np.float32), np.array([2, 5, -1], np.float32)


def test_the_ends_and_the_middle_go_where_they_should():
    bounds = ActionBounds(Box(LOW, HIGH))
    unit = np.array([[[-1, -1, -1], [1, 1, 1], [0, 0, 0], [0.6, -0.5, 0]]], np.float32)  # [1, 4, A]
    env = bounds.to_env(unit)
    assert bounds.size == 3 and env.dtype == np.float32 and env.shape == (1, 4, 3)
    assert env[0, 0].tolist() == LOW.tolist() and env[0, 1].tolist() == HIGH.tolist()
    assert env[0, 2] == pytest.approx((LOW + HIGH) / 2) and env[0, 3] == pytest.approx([1.4, 1.25, -2.0])


def test_there_and_back_is_the_same():
    bounds = ActionBounds(Box(LOW, HIGH))
    unit = np.random.default_rng(0).uniform(-1, 1, (2, 50, 3)).astype(np.float32)
    assert bounds.from_env(bounds.to_env(unit)) == pytest.approx(unit, abs=1e-5)
    action = np.random.default_rng(1).uniform(LOW, HIGH, (2, 50, 3)).astype(np.float32)
    assert bounds.to_env(bounds.from_env(action)) == pytest.approx(action, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_no_action_leaves_its_bounds_by_rounding_or_by_reaching_too_far(seed):
    rng = np.random.default_rng(seed)
    low = rng.normal(size=100).astype(np.float32) * 10
    space = Box(low, low + rng.uniform(0.01, 20, 100).astype(np.float32))
    bounds = ActionBounds(space)
    for unit in (np.ones((1, 100), np.float32), -np.ones((1, 100), np.float32), rng.normal(size=(1, 100)) * 3):
        assert space.contains(bounds.to_env(unit.astype(np.float32))[0])


def test_a_box_of_any_shape_and_dtype_is_flat_inside():
    space = Box(-2.0, 6.0, (2, 3), np.float64)
    bounds = ActionBounds(space)
    env = bounds.to_env(np.zeros((4, 5, 6), np.float32))
    assert bounds.size == 6 and env.shape == (4, 5, 2, 3) and env.dtype == np.float64 and (env == 2).all()
    assert bounds.from_env(env).shape == (4, 5, 6) and (bounds.from_env(env) == 0).all()


def test_a_range_wider_than_its_dtype_and_one_without_width_stay_finite():
    most = np.finfo(np.float32).max
    bounds = ActionBounds(Box(np.array([-most, 3], np.float32), np.array([most, 3], np.float32)))
    env = bounds.to_env(np.array([[[0.5, 0.5]]], np.float32))
    assert np.isfinite(env).all() and env[0, 0, 1] == 3
    assert np.isfinite(bounds.from_env(env)).all()


def test_what_is_not_a_number_stays_so_that_its_seed_is_parked():
    env = ActionBounds(Box(LOW, HIGH)).to_env(np.full((1, 1, 3), np.nan, np.float32))
    assert np.isnan(env).all()


@pytest.mark.parametrize(
    "space", [Discrete(3), Box(-np.inf, np.inf, (2,)), Box(-1, np.inf, (2,)), Box(0, 255, (2,), np.uint8)]
)
def test_a_space_without_finite_continuous_bounds_is_refused(space):
    with pytest.raises(ValueError, match="continuous actions need"):
        ActionBounds(space)
