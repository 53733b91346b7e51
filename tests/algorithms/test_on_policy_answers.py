"""The on-policy algorithms on tasks whose values and best policies are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from rlbench_reinforce.reinforce import Reinforce
from support.on_policy_updates import GAMMA, a2c, ppo, reinforce

from rlbench.testing import play
from rlbench.testing.fakes import BANDIT, CONSTANT, FORK, TARGET, Target

# -- known answers ---------------------------------------------------------------------------------------------------
FAST = {
    "ppo": ppo(n_envs=4, n_steps=16, batch_size=32, n_epochs=4, learning_rate="lin_5e-3", gamma=GAMMA),
    "a2c": a2c(n_envs=4, learning_rate=5e-3, gamma=GAMMA),
    "a2c, shared, Adam": a2c(n_envs=4, learning_rate=5e-3, gamma=GAMMA, use_rms_prop=False, shared=True, gae_lambda=0.9),
    "reinforce": reinforce(learning_rate=1e-2, value_learning_rate=1e-2, gamma=GAMMA, value_steps=4),
}  # fmt: skip
fast = pytest.mark.parametrize("case", FAST.values(), ids=FAST.keys())


def probabilities(agent, obs):
    """[S, A] in one state."""
    x = torch.tensor(obs).expand(agent.num_seeds, 1, -1)
    return agent.actor(agent.params[0], x)[0].softmax(-1)[:, 0].detach()


@pytest.mark.slow
@fast
@pytest.mark.parametrize(("how", "best"), [("terminated", 0), ("truncated", 1)])
def test_the_better_branch_depends_on_how_the_episode_ends(case, how, best):
    """0.6 at once against γ·1 = 0.5 where the second state terminates, γ/(1 − γ) = 1 where it is cut."""
    algorithm, config = case
    agent = play(algorithm, config, FORK, [0, 1, 2], 3_000, kwargs={"how": how}).algorithm
    assert (probabilities(agent, [1.0, 0.0])[:, best] > 0.9).all()


@pytest.mark.slow
def test_without_a_baseline_the_return_ends_where_the_episode_is_cut():
    algorithm, config = reinforce(learning_rate=1e-2, gamma=GAMMA, baseline=False)
    agent = play(algorithm, config, FORK, [0, 1, 2], 3_000, kwargs={"how": "truncated"}).algorithm
    assert (probabilities(agent, [1.0, 0.0])[:, 0] > 0.9).all()


@pytest.mark.slow
@fast
def test_the_best_arm_is_found(case):
    algorithm, config = case
    agent = play(algorithm, config, BANDIT, [0, 1, 2], 3_000).algorithm
    assert (probabilities(agent, [1.0])[:, 3] > 0.9).all()


@pytest.mark.slow
@fast
@pytest.mark.parametrize(("how", "value"), [("terminated", 1.0), ("truncated", 1 / (1 - GAMMA))])
def test_truncation_bootstraps_but_termination_does_not(case, how, value):
    algorithm, config = case
    rates = ("learning_rate", "value_learning_rate") if algorithm is Reinforce else ("learning_rate",)
    config = replace(config, **dict.fromkeys(rates, "lin_1e-2"))
    agent = play(algorithm, config, CONSTANT, [0, 1], 2_000, kwargs={"how": how}).algorithm
    obs = torch.ones(2, 1, 2)
    features = agent.actor.features(agent.params[0], obs) if getattr(config, "shared", False) else obs
    assert agent.critic(agent.params[1], features).detach().ravel() == pytest.approx([value] * 2, abs=0.05)


@pytest.mark.slow
@fast
def test_the_target_is_hit_in_bounds_that_are_not_symmetric(case):
    algorithm, config = case
    config = replace(config, log_std_init=-0.5)
    played = play(algorithm, config, TARGET, [0, 1, 2], 6_000)
    agent = played.algorithm
    found = agent.act(np.ones((3, 1, 2), np.float32))
    assert np.abs((found - Target.best) / (Target.high - Target.low)).max() < 0.1
