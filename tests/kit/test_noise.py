"""Exploration noise against its exact stationary distribution and a slow loop."""

import numpy as np
import pytest

from rlbench.kit import pack, unpack
from rlbench.kit.action_noise import ActionNoise

ALL = np.ones(2, bool)


def draws(steps, shape=(2, 3, 2)):
    return np.random.default_rng(0).standard_normal((steps, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("sigma", "theta", "dt"), [(0.5, 0.15, 1.0), (0.2, 0.5, 0.1), (1.0, 1.0, 1.0), (0.3, 0.0, 0.5)]
)
def test_ornstein_uhlenbeck_noise_is_the_recursion_it_names(sigma, theta, dt):
    noise, normals = ActionNoise("ornstein-uhlenbeck", (2, 3, 2), sigma, theta, dt), draws(50)
    expected = np.zeros((2, 3, 2))
    for normal in normals:
        found = noise.next(normal, ALL)
        for i in np.ndindex(expected.shape):
            expected[i] = expected[i] + theta * (0 - expected[i]) * dt + sigma * np.sqrt(dt) * float(normal[i])
        assert found.dtype == np.float32 and found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("sigma", "theta", "dt"), [(0.5, 0.15, 1.0), (0.3, 2.0, 0.1)])
def test_its_variance_and_correlation_are_those_of_the_stationary_process(sigma, theta, dt):
    shape, rng = (2, 50, 20), np.random.default_rng(1)
    noise, path = ActionNoise("ornstein-uhlenbeck", shape, sigma, theta, dt), []
    for step in range(1500):
        value = noise.next(rng.standard_normal(shape, np.float32), ALL)
        if step >= 100:
            path.append(value)
    walk = np.array(path, np.float64)
    variance = sigma**2 / (2 * theta) / (1 - theta * dt / 2)
    assert walk.mean() == pytest.approx(0, abs=0.02) and walk.var() == pytest.approx(variance, rel=0.02)
    for lag in (1, 3, 10):
        assert (walk[lag:] * walk[:-lag]).mean() / variance == pytest.approx((1 - theta * dt) ** lag, abs=0.02)


def test_gaussian_noise_has_its_scale_and_no_memory():
    noise, normals = ActionNoise("normal", (2, 3, 2), 0.3, theta=0.9, dt=0.5), draws(20)
    for normal in normals:
        assert noise.next(normal, ALL) == pytest.approx(0.3 * normal)


def test_no_noise_is_zero():
    assert not ActionNoise("none", (2, 3, 2), 0.5).next(draws(1)[0], ALL).any()


def test_an_ended_episode_begins_again_at_zero_and_no_other_does():
    noise, normals = ActionNoise("ornstein-uhlenbeck", (2, 3, 2), 0.5), draws(11)
    for normal in normals[:10]:
        before = noise.next(normal, ALL)
    ended = np.array([[True, False, False], [False, False, True]])
    noise.restart(ended)
    after = noise.next(normals[10], ALL)
    fresh, kept = 0.5 * normals[10], 0.85 * before + 0.5 * normals[10]
    assert after == pytest.approx(np.where(ended[..., None], fresh, kept), abs=1e-6)


def test_a_seed_that_is_not_active_is_left_as_it_is_and_what_was_given_out_is_not_written_again():
    noise, normals = ActionNoise("ornstein-uhlenbeck", (2, 3, 2), 0.5), draws(3)
    first = noise.next(normals[0], ALL)
    kept = first.copy()
    broken = normals[1].copy()
    broken[1] = np.nan
    second = noise.next(broken, np.array([True, False]))
    assert (second[1] == kept[1]).all() and (second[0] != kept[0]).all()
    noise.restart(np.ones((2, 3), bool))
    assert (first == kept).all()


def test_it_goes_on_from_its_state():
    noise, again = (ActionNoise("ornstein-uhlenbeck", (2, 3, 2), 0.5) for _ in range(2))
    normals = draws(12)
    for normal in normals[:6]:
        noise.next(normal, ALL)
    unpack({"noise": again}, pack({"noise": noise}, 2))
    for normal in normals[6:]:
        assert (noise.next(normal, ALL) == again.next(normal, ALL)).all()


def test_noise_that_would_grow_exponentially_is_refused():
    with pytest.raises(ValueError, match="grows exponentially"):
        ActionNoise("ornstein-uhlenbeck", (1, 1, 1), 0.1, theta=4.0, dt=0.5)
