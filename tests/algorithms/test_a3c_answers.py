"""A3C on tasks whose values and best policies are known."""

import numpy as np
import pytest
import torch
from rlbench_a3c.a3c import A3C

from rlbench.testing import play
from rlbench.testing.fakes import BANDIT, FORK, TARGET

# -- learning --------------------------------------------------------------------------------------------------------


def learned(env_id, steps, kwargs, **config):
    config = {"n_workers": 2, "net_arch": (16,), "learning_rate": "lin_1e-2", "ent_coef": 0.0, **config}
    return play(A3C, A3C.Config(**config), env_id, [0], steps, kwargs=kwargs).algorithm


def policy_at(agent, obs):
    return agent.network.policy(agent.shared.params, torch.tensor([[obs]]))[0].softmax(-1)[0, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "better"), [("terminated", 0), ("truncated", 1)])
def test_it_finds_the_better_branch_where_the_end_is_a_termination_and_where_it_is_a_cut(how, better):
    agent = learned(FORK, 3000, {"how": how}, gamma=0.5)
    assert policy_at(agent, [1.0, 0.0])[better] > 0.9
    value = agent.network.value(agent.shared.params, torch.tensor([[[0.0, 1.0]]])).item()
    assert value == pytest.approx({"terminated": 1.0, "truncated": 2.0}[how], abs=0.25)


@pytest.mark.slow
def test_it_finds_the_best_arm_and_a_bonus_on_entropy_makes_it_as_unsure_as_it_should_be():
    """With weight w the best policy is proportional to exp(reward / w)."""
    sure = policy_at(learned(BANDIT, 2000, {}), [1.0])
    unsure = policy_at(learned(BANDIT, 2000, {}, ent_coef=0.5), [1.0])
    expected = np.exp(np.arange(4) / 3 / 0.5)
    assert sure[3] > 0.9 and unsure.numpy() == pytest.approx(expected / expected.sum(), abs=0.15)


@pytest.mark.slow
def test_it_finds_the_target_in_bounds_that_are_not_symmetric():
    agent = learned(TARGET, 4000, {}, learning_rate="lin_5e-3")
    best = np.array([1.4, 1.25, -2.0])
    assert agent.act(np.ones((1, 1, 2), np.float32))[0, 0] == pytest.approx(best, abs=0.3)


@pytest.mark.slow
def test_it_learns_cartpole():
    played = play(A3C, A3C.Config(n_workers=2), "CartPole-v1", [1], 20_000, final_episodes=20)
    assert played.sink.evaluations[-1].return_mean > 100
