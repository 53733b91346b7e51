"""Running normalisation against numpy over the whole history, slow loops and a peer library."""

import gymnasium
import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rlbench.kit import pack, unpack
from rlbench.kit.normalization import Moments, ObsNormalizer, RewardNormalizer

RNG = np.random.default_rng(0)
ON = np.array([True, True])


@pytest.mark.parametrize("num_envs", [1, 3, 8])
def test_moments_are_numpys_over_the_whole_history(num_envs):
    moments, history = Moments(2, 5), []
    assert (moments.variance == 1).all()
    for _ in range(50):
        samples = 1e4 + RNG.standard_normal((2, num_envs, 5)) * np.array([[[1]], [[30]]])  # a mean that costs digits
        moments.update(samples, ON)
        history.append(samples)
    everything = np.concatenate(history, 1)  # [S, samples, D]
    assert moments.count.tolist() == [50 * num_envs] * 2
    assert moments.mean == pytest.approx(everything.mean(1), rel=1e-12)
    assert moments.variance == pytest.approx(everything.var(1), rel=1e-9)


def test_an_inactive_seed_keeps_its_statistics():
    moments = Moments(2, 1)
    moments.update(np.array([[[1.0]], [[5.0]]]), ON)
    moments.update(np.array([[[3.0]], [[np.nan]]]), np.array([True, False]))
    assert moments.count.tolist() == [2, 1] and moments.mean.tolist() == [[2], [5]]
    assert moments.variance.tolist() == [[1], [0]]


@pytest.mark.parametrize("size", [1, 3, 17])
@pytest.mark.parametrize("num_envs", [1, 3, 8, 100])
def test_a_seeds_bits_do_not_depend_on_the_stack(num_envs, size):
    history = RNG.standard_normal((6, 7, num_envs, size)).astype(np.float32) * 7  # [T, S, N, D]

    def after(rows):
        obs_norm, reward_norm = ObsNormalizer(len(rows), size, True), RewardNormalizer(len(rows), num_envs, 0.9, True)
        on = np.ones(len(rows), bool)
        for obs in history[:, rows]:
            obs_norm.update(obs, on)
            rewards = reward_norm(obs[..., 0], obs[..., 0] > 5, on)
        return obs_norm(history[-1][rows]), rewards

    stacked = after(list(range(7)))
    for s in range(7):
        for alone, together in zip(after([s]), stacked):
            assert alone[0].tobytes() == together[s].tobytes()


def test_observations_are_scaled_by_what_was_seen_and_clipped():
    normalizer = ObsNormalizer(1, 2, True)
    seen = np.array([[[1.0, 0.0]], [[3.0, 0.0]], [[5.0, 0.3]]], np.float32)
    for obs in seen:
        normalizer.update(obs[None], np.array([True]))
    mean, deviation = seen[:, 0].astype(float).mean(0), np.sqrt(seen[:, 0].astype(float).var(0) + 1e-8)
    obs = np.array([[[4.0, 0.1], [1e6, -1e6]]], np.float32)
    found = normalizer(obs)
    assert found[0, 0] == pytest.approx((obs[0, 0] - mean) / deviation, rel=1e-6)
    assert found[0, 1].tolist() == [10, -10] and found.dtype == np.float32


def test_normalising_moves_no_statistics():
    normalizer = ObsNormalizer(2, 3, True)
    normalizer.update(RNG.standard_normal((2, 4, 3)), ON)
    before = pack({"n": normalizer}, 2)
    normalizer(RNG.standard_normal((2, 9, 3)))
    assert all((before[name] == kept).all() for name, kept in pack({"n": normalizer}, 2).items())


def test_a_seed_is_scaled_by_its_own_statistics():
    normalizer = ObsNormalizer(2, 1, True)
    normalizer.update(np.array([[[0.0], [2.0]], [[100.0], [300.0]]]), ON)
    assert normalizer(np.array([[[2.0]], [[300.0]]])).ravel() == pytest.approx([1, 1])


def test_what_is_off_passes_everything_and_keeps_nothing():
    obs, reward = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32), np.ones((2, 3), np.float32)
    observations, rewards = ObsNormalizer(2, 20, False), RewardNormalizer(2, 3, 0.9, False)
    observations.update(obs, ON)
    assert observations(obs).tobytes() == obs.reshape(2, 3, 20).tobytes()
    assert rewards(reward, reward > 0, ON) is reward
    assert pack({"o": observations, "r": rewards}, 2) == {}


def test_rewards_are_scaled_by_the_deviation_of_the_discounted_return():
    gamma, steps, num_envs = 0.9, 60, 3
    reward = RNG.standard_normal((steps, 2, num_envs)) + 1
    cut = RNG.random((steps, 2, num_envs)) < 0.1
    normalizer = RewardNormalizer(2, num_envs, gamma, True)
    found = np.stack([normalizer(r, c, ON) for r, c in zip(reward, cut)])
    for s in range(2):
        returns, history = np.zeros(num_envs), []
        for t in range(steps):
            returns = gamma * returns + reward[t, s]
            history.extend(returns.tolist())
            expected = np.clip(reward[t, s] / np.sqrt(np.var(history) + 1e-8), -10, 10)
            assert found[t, s] == pytest.approx(expected, rel=1e-5)
            returns[cut[t, s]] = 0


def test_an_inactive_seeds_return_stands_still():
    normalizer = RewardNormalizer(2, 1, 1.0, True)
    normalizer(np.ones((2, 1)), np.zeros((2, 1), bool), ON)
    normalizer(np.ones((2, 1)), np.zeros((2, 1), bool), np.array([True, False]))
    assert normalizer.state()["returns"].tolist() == [[2], [1]] and normalizer.state()["count"].tolist() == [2, 1]


def test_both_come_back_from_their_state():
    def fresh():
        return {"o": ObsNormalizer(2, 3, True), "r": RewardNormalizer(2, 4, 0.9, True)}

    first, second = fresh(), fresh()
    for _ in range(5):
        first["o"].update(RNG.standard_normal((2, 4, 3)), ON)
        first["r"](RNG.standard_normal((2, 4)), np.zeros((2, 4), bool), ON)
    packed = pack(first, 2)
    assert all(len(kept) == 2 for kept in packed.values())
    unpack(second, packed)
    obs, reward, cut = RNG.standard_normal((2, 4, 3)), RNG.standard_normal((2, 4)), np.zeros((2, 4), bool)
    first["o"].update(obs, ON)
    second["o"].update(obs, ON)
    assert (first["o"](obs) == second["o"](obs)).all()
    assert (first["r"](reward, cut, ON) == second["r"](reward, cut, ON)).all()


def test_the_numbers_are_those_of_vecnormalize_but_for_its_prior():
    """Stable-Baselines3 starts with 10⁻⁴ samples of variance 1; after some hundred steps that is seen no more."""
    peer = VecNormalize(DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")] * 3), gamma=0.9)
    peer.venv.seed(0)
    ours, rewards = ObsNormalizer(1, 3, True), RewardNormalizer(1, 3, 0.9, True)
    scaled, on = peer.reset(), np.array([True])
    for step in range(450):  # over the ends of two episodes
        ours.update(peer.get_original_obs()[None], on)
        if step > 100:
            assert ours(peer.get_original_obs()[None])[0] == pytest.approx(scaled, abs=1e-3)
        scaled, reward, done, infos = peer.step(RNG.uniform(-2, 2, (3, 1)).astype(np.float32))
        found = rewards(peer.get_original_reward()[None], done[None], on)[0]
        if step > 100:
            assert found == pytest.approx(reward, rel=1e-3)
            for i in done.nonzero()[0]:  # the last observation of an episode, by the statistics of the step before
                last = infos[i]["terminal_observation"]  # by theirs, which hold the next episode's first already
                raw = peer.unnormalize_obs(last)
                assert ours(raw[None, None])[0, 0] == pytest.approx(last, abs=1e-2)
