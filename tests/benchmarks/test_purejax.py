"""The peer that is wholly in JAX: its environment against Gymnasium's, its learning against what PPO must reach."""

import gymnasium
import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="needs the extra `peers`")

from benchmarks.speed import cartpole, purejax  # noqa: E402
from benchmarks.speed.works import WORKS  # noqa: E402


@pytest.mark.parametrize("balance", [False, True], ids=["at random", "balancing"])
def test_each_step_of_cartpole_is_gymnasiums(balance):
    """From the same state by the same action: the successor to float32 precision, and the same ends."""
    env, step = gymnasium.make("CartPole-v1"), jax.jit(cartpole.step)
    rng, ends = np.random.default_rng(0), []
    for episode in range(3 if balance else 20):
        obs, _ = env.reset(seed=episode)
        done, length = False, 0
        while not done:
            state = cartpole.State(np.asarray(env.unwrapped.state, np.float32), np.int32(length))
            action = int(obs[2] + 0.5 * obs[3] + 0.05 * obs[1] > 0) if balance else int(rng.integers(2))
            obs, reward, terminated, truncated, _ = env.step(action)
            found, found_reward, found_terminated, found_truncated = step(state, action)
            np.testing.assert_allclose(found.obs, obs, rtol=1e-5, atol=1e-6)
            assert (found_reward, found_terminated, found_truncated) == (reward, terminated, truncated)
            done, length = terminated or truncated, length + 1
        ends.append(length)
    assert max(ends) == 500 if balance else max(ends) < 500


def test_a_reset_is_within_its_bounds_and_every_environments_own():
    states = jax.vmap(cartpole.reset)(jax.random.split(jax.random.key(0), 1000))
    obs = np.asarray(states.obs)
    assert np.abs(obs).max() <= 0.05 and len(np.unique(obs[:, 0])) == 1000
    assert np.abs(obs.mean(0)).max() < 0.005
    assert not states.length.any()


def test_advantages_are_a_slow_loops():
    """Terminated steps do not bootstrap, truncated ones do, and no sum runs over an end."""
    rng, c = np.random.default_rng(0), {"gamma": 0.9, "gae_lambda": 0.8}
    obs, next_obs = rng.normal(size=(2, 6, 3, 4)).astype(np.float32)
    reward, terminated = rng.normal(size=(6, 3)).astype(np.float32), rng.random((6, 3)) < 0.2
    done = terminated | (rng.random((6, 3)) < 0.2)
    critic = purejax.network(jax.random.key(0), (4, 8, 1), 1.0)
    none = np.zeros((6, 3), np.float32)
    found, target = purejax.gae(c, critic, purejax.Steps(obs, none, none, reward, next_obs, terminated, done, none))
    value, next_value = (np.asarray(purejax.apply(critic, x))[..., 0] for x in (obs, next_obs))
    wanted = np.zeros((7, 3))
    for t in reversed(range(6)):
        delta = reward[t] + 0.9 * next_value[t] * ~terminated[t] - value[t]
        wanted[t] = delta + 0.9 * 0.8 * ~done[t] * wanted[t + 1]
    np.testing.assert_allclose(found, wanted[:-1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(target, wanted[:-1] + value, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_it_learns_cartpole_on_every_seed():
    """Mean return above 400 within 150 000 steps: the mean over the last ten rollouts in which episodes ended."""
    learners, train = purejax.make(WORKS[0].config, 4)
    returns = []
    for _ in range(73):  # of 2048 steps
        learners, ended = train(learners)
        returns.append(np.asarray(ended))
    for seed in np.stack(returns, 1):
        assert seed[seed > 0][-10:].mean() > 400
