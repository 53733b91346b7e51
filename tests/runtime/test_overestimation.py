"""Where every value is 0 and rewards are noise, dqn values the start too high, and double_dqn less so."""

import numpy as np
import torch
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN

from rlbench.testing import play
from rlbench.testing.fakes import NOISY

SEEDS = list(range(8))


def value_of_the_start(algorithm):
    """The mean value of the start state's actions, for each seed.

    The replay turns over between two copies of the target, so that the two networks have seen different noise: from the
    same noise both would choose and value alike, and splitting the two would help nothing.
    """
    config = algorithm.Config(
        batch_size=32,
        net_arch=(32,),
        learning_starts=50,
        gamma=1.0,
        learning_rate=5e-3,
        target_update_interval=300,
        exploration_initial_eps=1.0,
        exploration_final_eps=1.0,
        buffer_size=100,
        loss="mse",
    )
    agent = play(algorithm, config, NOISY, SEEDS, 3000).algorithm
    start = torch.tensor([1.0, 0.0]).expand(len(SEEDS), 1, 2)
    return agent.network(agent.online, start).mean((1, 2)).detach().numpy()


def test_double_dqn_overestimates_less_than_dqn():
    dqn, double = value_of_the_start(DQN), value_of_the_start(DoubleDQN)
    assert dqn.mean() > 0.2  # the bias is there
    assert np.abs(double).mean() < 0.5 * dqn.mean()
    assert (double < dqn).mean() >= 0.75
