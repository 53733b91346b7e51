"""What mappo adds to ippo: a critic of the state, which the actors never see. test_ippo.py has what they share."""

import numpy as np
import pytest
import torch
from rlbench_ippo.ippo import IPPO
from rlbench_mappo.mappo import MAPPO
from support.agent_worlds import WALK_WITH_STATE, built, walk

from rlbench.testing.fakes import BANDIT

SMALL = {"n_envs": 4, "n_steps": 8, "batch_size": 16, "n_epochs": 2, "net_arch": (16,)}


def with_state(algorithm=MAPPO):
    """An algorithm in a world with a state of its own, preferences, and observations [2, 50, size] of two seeds."""
    agent = built(algorithm, algorithm.Config(**SMALL), walk(), (0, 1), world=WALK_WITH_STATE)
    generator = torch.Generator().manual_seed(1)
    agent.params[0].add_(torch.randn(agent.params[0].shape, generator=generator))
    obs = np.random.default_rng(0).standard_normal((2, 50, agent.obs_size)).astype(np.float32)
    agent.layout.alive(obs)[...] = 1
    return agent, obs


def test_actors_do_not_see_the_state():
    agent, obs = with_state()
    other = obs.copy()
    agent.layout.state(other)[...] += 5
    assert not np.array_equal(obs, other) and agent.layout.state_size == 2
    sampled = []
    for given in (obs, other):
        agent.streams.restart("evaluate", 5)
        sampled.append(agent.policy("sampled")(given, None))
    assert np.array_equal(agent.act(obs), agent.act(other)) and np.array_equal(*sampled)
    assert (agent.act(obs) != agent.act(obs[:, ::-1].copy())).any()
    values = [agent.central_value(agent.params[1], torch.from_numpy(given)) for given in (obs, other)]
    assert (values[0] != values[1]).all()


def test_the_critic_sees_the_state_and_nothing_else():
    """In a world with a state of its own, observations are no part of it; ippo's critic is the other way round."""
    for algorithm in (MAPPO, IPPO):
        agent, obs = with_state(algorithm)
        other = obs.copy()
        agent.layout.state(other)[...] += 5
        one, two = (
            agent.value(agent.params[1], torch.from_numpy(given).unsqueeze(2)).flatten() for given in (obs, other)
        )
        assert torch.equal(one, two) == (algorithm is IPPO)
        for part in agent.layout.observations(other := obs.copy()):
            part += 5
        one, two = (
            agent.value(agent.params[1], torch.from_numpy(given).unsqueeze(2)).flatten() for given in (obs, other)
        )
        assert torch.equal(one, two) == (algorithm is MAPPO)


def test_without_a_state_of_its_own_the_critic_sees_all_observations_and_tells_agents_apart():
    """A linear critic: V = o₁ + 10 · o₂, and 100 more for the second agent."""
    agent = built(MAPPO, MAPPO.Config(**SMALL | {"net_arch": ()}), {"env_id": BANDIT})
    weights = agent.params[1].zero_()
    weights[0, 0], weights[0, 16], weights[0, 48] = 1, 10, 100  # two observations, two ids; 16 columns each
    obs = torch.tensor([[[1, 2, 1, 1], [3, 4, 1, 0.0]]])  # two observations, who is alive
    assert agent.central_value(agent.params[1], obs).tolist() == [[[21, 121], [43, 143]]]
    assert agent.value(agent.params[1], obs.view(1, 1, 2, 4)).tolist() == [[[21, 121, 43, 143]]]


@pytest.mark.parametrize("share", [True, False])
def test_one_critic_serves_all_agents_whether_policies_are_shared_or_not(share):
    agent = built(MAPPO, MAPPO.Config(**SMALL, share_parameters=share), walk())
    inputs = 5 + 5 + 3 + 3  # what all observe, and an id
    assert agent.params[1].shape == (1, inputs * 16 + 16 + 16 * 16 + 16)
