"""The on-policy algorithms: the promise, what evaluation sees, and the zoo's settings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from rlbench_a2c.a2c import A2C
from rlbench_ppo.ppo import PPO
from support.on_policy_updates import NORMALIZED, a2c, both, built, ppo, reinforce

from rlbench import SeedStreams
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import BANDIT, SHAPES, TARGET

# -- the promise -----------------------------------------------------------------------------------------------------
CASES = {
    "ppo, 3 dims, N 3, batch 33, normalised": (
        {"dims": 3},
        99,
        *ppo(n_envs=3, n_steps=11, batch_size=33, **NORMALIZED),
    ),
    "ppo, 1 dim, N 1, batch 100, plain advantages": (
        {"dims": 1},
        200,
        *ppo(n_envs=1, n_steps=100, batch_size=100, ent_coef=0.01, normalize_advantage=False),
    ),
    "ppo, 6 dims, N 1, shared, value clip, target KL": (
        {"dims": 6},
        90,
        *ppo(
            n_envs=1,
            n_steps=30,
            batch_size=10,
            shared=True,
            clip_range_vf="lin_0.2",
            target_kl=1e-4,
            n_epochs=4,
            learning_rate=1e-2,
        ),
    ),
    "ppo, 1 action, N 1, normalised": ({"actions": 1}, 60, *ppo(n_envs=1, n_steps=20, batch_size=10, **NORMALIZED)),
    "a2c, 1 action, N 1, horizon 1": ({"actions": 1}, 60, *a2c(n_envs=1, n_steps=1)),
    "a2c, 3 actions, N 3, horizon 11, shared": ({"actions": 3}, 99, *a2c(n_envs=3, n_steps=11, shared=True)),
    "a2c, 6 actions, N 1, horizon 100, Adam": (
        {"actions": 6},
        200,
        *a2c(n_envs=1, n_steps=100, use_rms_prop=False, gae_lambda=0.9, normalize_advantage=True),
    ),
    "a2c, 1 dim, N 1, horizon 100": ({"dims": 1}, 200, *a2c(n_envs=1, n_steps=100, rms_prop_tf_like=True)),
    "a2c, 3 dims, N 3, horizon 11, normalised": ({"dims": 3}, 99, *a2c(n_envs=3, n_steps=11, **NORMALIZED)),
    "a2c, 6 dims, N 1, relu": ({"dims": 6}, 90, *a2c(n_envs=1, activation_fn="relu", learning_rate="lin_7e-4")),
    "reinforce, 1 action, N 1, a step's look": ({"actions": 1}, 80, *reinforce(n_envs=1, n_steps=1, memory=33)),
    "reinforce, 3 actions, N 3, window 33": ({"actions": 3}, 99, *reinforce(n_envs=3, memory=11)),
    "reinforce, 6 actions, no baseline": ({"actions": 6}, 120, *reinforce(n_envs=1, memory=100, baseline=False)),
    "reinforce, 1 dim, normalised": ({"dims": 1}, 120, *reinforce(n_envs=1, memory=100, **NORMALIZED)),
    "reinforce, 3 dims, entropy": ({"dims": 3}, 99, *reinforce(n_envs=3, memory=11, ent_coef=0.01)),
    "reinforce, 6 dims, raw returns": ({"dims": 6}, 120, *reinforce(n_envs=1, normalize_return=False)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_run_does_not_depend_on_its_stack_mates(case):
    kwargs, steps, algorithm, config = case
    check_independence(algorithm, config, SHAPES, steps, {"obs": 17, **kwargs})


@pytest.mark.parametrize("kwargs", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@pytest.mark.parametrize("more", [{}, NORMALIZED], ids=["raw", "normalised"])
@both()
def test_a_resumed_run_is_the_uninterrupted_one(make, more, kwargs, tmp_path):
    algorithm, config = make(**more)
    check_resume(algorithm, config, SHAPES, 400, tmp_path, {"obs": 5, **kwargs})


@pytest.mark.parametrize("kwargs", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@both()
def test_a_bad_number_in_one_seed_leaves_the_others_bits_alone(make, kwargs):
    algorithm, config = make(**NORMALIZED)
    bad = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[2]
    kwargs = {**kwargs, "bad_seeds": [bad], "end": 0.1}
    played = play(algorithm, config, SHAPES, [7, 8, 9], 320, kwargs=kwargs, every=64)
    assert set(played.outcome.failed) == {8} and played.outcome.diverged_at == {}
    for seed in (7, 9):
        assert played.of_seed(seed) == play(algorithm, config, SHAPES, [seed], 320, kwargs=kwargs, every=64).of_seed(
            seed
        )
    assert all(np.isfinite(x).all() for x in played.learned.values())


@pytest.mark.parametrize("kwargs", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@both()
def test_a_parked_seed_learns_nothing_more(make, kwargs):
    """Parked before the first update, its networks stay as they began and its statistics as they were."""
    algorithm, config = make(n_envs=1, **({"batch_size": 8} if make is ppo else {}), **NORMALIZED)
    bad = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[0]
    kwargs = {**kwargs, "bad_seeds": [bad], "end": 0.02, "bad_after": 2}  # before the first update
    played = play(algorithm, config, SHAPES, [7, 8], 160, kwargs=kwargs)
    start = built(algorithm, config, SHAPES, kwargs, [7, 8])
    for mine, fresh in zip(played.algorithm.params, start.params):
        assert torch.equal(mine[1], fresh[1])
    if algorithm is not A2C:  # RMSProp counts no steps
        assert played.learned["optimizer.step"][0] > 0 == played.learned["optimizer.step"][1]
    assert played.learned["obs_norm.count"].tolist() == [160, 3]


# -- evaluation and what is published --------------------------------------------------------------------------------
@pytest.mark.parametrize("kwargs", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@both()
def test_a_published_policy_plays_as_it_did(make, kwargs):
    algorithm, config = make(**NORMALIZED)
    played = play(algorithm, config, SHAPES, [0, 1], 160, kwargs={"obs": 5, **kwargs})
    again = built(algorithm, config, SHAPES, {"obs": 5, **kwargs}, (0, 1))
    final = played.algorithm.final_state()
    assert not any(name.startswith(("optimizer", "window")) for name in final)
    again.load_final_state(final)
    obs = 3 * np.random.default_rng(0).standard_normal((2, 9, 5)).astype(np.float32)
    assert (again.act(obs) == played.algorithm.act(obs)).all()
    assert (again.final_state()["obs_norm.mean"] == final["obs_norm.mean"]).all() and (
        final["obs_norm.count"] == 160
    ).all()


@both()
def test_evaluation_moves_no_statistics(make):
    algorithm, config = make(**NORMALIZED)
    runs = [play(algorithm, config, SHAPES, [0], 160, kwargs={"dims": 3}, every=every) for every in (0, 20)]
    assert all((runs[0].learned[name] == kept).all() for name, kept in runs[1].learned.items())


@both()
def test_a_policy_acts_on_normalised_observations(make):
    """The same numbers in other units are the same run, once they are normalised."""
    algorithm, config = make(normalize_obs=True)
    agent = built(algorithm, config, SHAPES, {"obs": 4, "dims": 2})
    plain = built(*make(), SHAPES, {"obs": 4, "dims": 2})
    history = np.random.default_rng(0).standard_normal((1, 500, 4))
    agent.obs_norm.update(history * [1, 10, 100, 1000] + 7, np.array([True]))
    z = (history - history.mean(1, keepdims=True)) / history.std(1, keepdims=True)
    found, expected = (a.act(x.astype(np.float32)) for a, x in ((agent, history * [1, 10, 100, 1000] + 7), (plain, z)))
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("env", [(BANDIT, {"actions": 3}), (TARGET, {})], ids=["discrete", "continuous"])
@both()
def test_a_sampled_policy_draws_and_a_greedy_one_does_not(make, env):
    env_id, kwargs = env
    algorithm, config = make()
    agent = built(algorithm, config, env_id, kwargs, (0, 1))
    obs = np.ones((2, 500, agent.task.observation_space.shape[0]), np.float32)
    greedy, sampled = agent.policy(), agent.policy("sampled")
    start = np.zeros((2, 500), bool)
    agent.streams.restart("evaluate", 5)
    with agent.streams.only("evaluate"):
        assert (greedy(obs, start) == greedy(obs, start)[:, :1]).all()
        drawn, again = sampled(obs, start), sampled(obs, start)
    assert (drawn != again).any() and (drawn[0] != drawn[1]).any()
    if env_id == BANDIT:
        assert np.bincount(drawn.ravel(), minlength=3) / 1000 == pytest.approx([1 / 3] * 3, abs=0.06)
    else:  # N(0, 1) clipped to [−1, 2], [0, 5], [−3, −1]
        assert drawn.min((0, 1))[:2].tolist() == [-1, 0] and drawn.max((0, 1))[[0, 2]].tolist() == [2, -1]
        assert drawn.min() >= -3
        assert (drawn[..., 1] == 0).mean() == pytest.approx(0.5, abs=0.06)
    with pytest.raises(ValueError, match="no 'random' policy"):
        agent.policy("random")


@both()
def test_a_budget_that_is_no_multiple_of_a_rollout_is_spent_exactly(make):
    algorithm, config = make()
    played = play(algorithm, config, SHAPES, [0], 4 * 37)
    assert played.outcome.steps == 4 * 37


ZOO = {
    "a2c CartPole-v1": A2C.Config(n_envs=8),
    "a2c Acrobot-v1, MountainCar-v0": A2C.Config(n_envs=16, **NORMALIZED),
    "a2c Pendulum-v1, less gSDE": A2C.Config(
        n_envs=8, n_steps=8, gae_lambda=0.9, vf_coef=0.4, gamma=0.9, learning_rate="lin_7e-4", log_std_init=-2.0, **NORMALIZED
    ),
    "a2c MountainCarContinuous-v0, less gSDE": A2C.Config(n_envs=4, n_steps=100, log_std_init=0.0, **NORMALIZED),
    "ppo CartPole-v1": PPO.Config(
        n_envs=8, n_steps=32, batch_size=256, gae_lambda=0.8, gamma=0.98, n_epochs=20, learning_rate="lin_1e-3", clip_range="lin_0.2"
    ),
    "ppo Acrobot-v1": PPO.Config(n_envs=16, n_steps=256, gae_lambda=0.94, n_epochs=4, **NORMALIZED),
    "ppo MountainCar-v0": PPO.Config(n_envs=16, n_steps=16, gae_lambda=0.98, n_epochs=4, **NORMALIZED),
    "ppo Pendulum-v1, less gSDE": PPO.Config(n_envs=4, n_steps=1024, gamma=0.9, learning_rate=1e-3),
    "ppo MountainCarContinuous-v0, less gSDE": PPO.Config(
        n_envs=1, n_steps=8, batch_size=8, gamma=0.9999, learning_rate=7.77e-5, ent_coef=0.00429, clip_range=0.1,
        gae_lambda=0.9, max_grad_norm=5.0, vf_coef=0.19, log_std_init=-3.29, **NORMALIZED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ZOO.items(), ids=ZOO.keys())
def test_the_zoos_settings_can_be_said_and_run(row):
    name, config = row
    algorithm = A2C if name.startswith("a2c") else PPO
    env_id = name.split(" ")[1].strip(",")
    steps = 2 * config.n_envs * config.n_steps
    config = replace(config, n_epochs=1) if algorithm is PPO else config
    assert play(algorithm, config, env_id, [0], steps, final_episodes=1).outcome.diverged_at == {}
