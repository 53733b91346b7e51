"""Truncation bootstraps, termination does not: one state, reward 1 a step, whose value is known exactly."""

import numpy as np
import pytest
import torch
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN
from rlbench_ppo.ppo import PPO

from rlbench.testing import play
from rlbench.testing.fakes import CONSTANT

GAMMA = 0.5
# One step ends the episode: V = 1 if it terminates, 1 + γV = 2 if it is only cut.
EXPECTED = {"terminated": 1.0, "truncated": 1 / (1 - GAMMA)}


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN])
@pytest.mark.parametrize("how", EXPECTED)
def test_dqn_bootstraps_at_truncation_but_not_at_termination(how, algorithm):
    config = algorithm.Config(
        batch_size=16,
        net_arch=(16,),
        learning_starts=16,
        gamma=GAMMA,
        learning_rate="lin_1e-2",
        target_update_interval=20,
    )
    played = play(algorithm, config, CONSTANT, [0, 1], 900, kwargs={"how": how})
    agent = played.algorithm
    values = agent.network(agent.online, torch.ones(2, 1, 2)).detach().numpy()
    assert values == pytest.approx(np.full((2, 1, 2), EXPECTED[how]), abs=0.05)


@pytest.mark.parametrize("how", EXPECTED)
def test_ppo_bootstraps_at_truncation_but_not_at_termination(how):
    config = PPO.Config(
        n_envs=2, n_steps=16, batch_size=16, net_arch=(16,), gamma=GAMMA, learning_rate=1e-2, vf_coef=0.5
    )
    played = play(PPO, config, CONSTANT, [0, 1], 2400, kwargs={"how": how})
    agent = played.algorithm
    values = agent.critic(agent.params[1], torch.ones(2, 1, 2)).detach().numpy()
    assert values == pytest.approx(np.full((2, 1, 1), EXPECTED[how]), abs=0.05)


def test_dqn_learns_the_exact_action_values_of_a_two_armed_cartpole_step():
    """With gamma 0 the value of every action is its immediate reward, 1."""
    config = DQN.Config(batch_size=32, net_arch=(32,), learning_starts=32, gamma=0.0, learning_rate="lin_1e-2")
    played = play(DQN, config, "CartPole-v1", [0], 800)
    agent = played.algorithm
    obs = torch.from_numpy(played.algorithm.replay.state()["obs"][:, :200].numpy())
    assert agent.network(agent.online, obs).detach().numpy() == pytest.approx(1.0, abs=0.05)
