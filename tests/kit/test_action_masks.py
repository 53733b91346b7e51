"""Masks of actions against slow loops and torch's own distributions over the allowed actions alone."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rlbench_double_dqn.double_dqn import DoubleDQN
from rlbench_dqn.dqn import DQN
from rlbench_dueling_dqn.dueling_dqn import DuelingDQN
from rlbench_per_dqn.per_dqn import PERDQN
from scipy import stats
from torch import distributions as peers

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.envs.action_mask import MaskedBox
from rlbench.kit import ActionMask, Actor, Batch, ObsNormalizer, policy_for, value_and_grad

GENERATOR = torch.Generator().manual_seed(0)
MASK, NONE = ActionMask(4), torch.zeros(2, 0)


def rand(*shape):
    return torch.randn(*shape, generator=GENERATOR)


def masked_obs(*lead, size=3, actions=4):
    """Observations of `size` numbers and a mask that allows at least one action."""
    allowed = torch.rand(*lead, actions, generator=GENERATOR) < 0.5
    allowed[..., 2] |= ~allowed.any(-1)
    return torch.cat([rand(*lead, size), allowed.float()], -1), allowed


def test_random_actions_are_those_of_a_slow_loop():
    obs, allowed = masked_obs(3, 50)
    uniform = torch.rand(3, 50, generator=GENERATOR).numpy()
    found = MASK.random_actions(uniform, obs.numpy(), 4)
    for s in range(3):
        for n in range(50):
            choices = allowed[s, n].nonzero().ravel().tolist()
            assert found[s, n] == choices[int(uniform[s, n] * len(choices))]


def test_allowed_actions_are_drawn_equally_often_and_others_never():
    obs = np.tile(np.float32([9, 1, 0, 1, 1]), (1, 30_000, 1))
    found = MASK.random_actions(SeedStreams([0]).uniform("x", 30_000), obs, 4)
    counts = np.bincount(found[0], minlength=4)
    assert counts[1] == 0 and stats.chisquare(counts[[0, 2, 3]]).pvalue > 0.001


def test_a_parked_seed_that_allows_nothing_gets_an_action_of_the_space():
    assert MASK.random_actions(np.zeros((1, 1)), np.zeros((1, 1, 5), np.float32), 4).tolist() == [[3]]


def test_without_a_mask_random_actions_are_what_they_were():
    uniform = SeedStreams([0, 1]).uniform("x", 100)
    found = ActionMask().random_actions(uniform, np.zeros((2, 100, 3)), 5)
    assert (found == SeedStreams([0, 1]).integers("x", 5, 100)).all() and found.dtype == np.int64


def test_the_distribution_is_torchs_over_the_allowed_actions_alone():
    obs, allowed = masked_obs(2, 20)
    logits = 3 * rand(2, 20, 4)
    dist, outputs = policy_for(Discrete(4), MASK), MASK.apply(logits, obs)
    for s in range(2):
        for b in range(20):
            choices = allowed[s, b].nonzero().ravel()
            peer = peers.Categorical(logits=logits[s, b, choices])
            row = outputs[s : s + 1, b : b + 1]
            assert dist.entropy(row, NONE).item() == pytest.approx(peer.entropy().item(), abs=1e-6)
            assert dist.mode(row, NONE).item() == choices[peer.mode]
            for i, action in enumerate(choices):
                found = dist.log_prob(row, NONE, action.view(1, 1)).item()
                assert found == pytest.approx(peer.log_prob(torch.tensor(i)).item(), abs=1e-6)


def test_sampled_actions_have_the_probabilities_of_those_allowed():
    logits, obs = rand(1, 1, 4), torch.tensor([[[0.0, 0, 1, 0, 1]]])
    outputs = MASK.apply(logits, obs).expand(1, 40_000, 4)
    dist = policy_for(Discrete(4), MASK)
    action = dist.sample(outputs, NONE, torch.from_numpy(dist.noise(SeedStreams([1]), "act", 40_000)))
    share = torch.bincount(action[0], minlength=4) / 40_000
    expected = torch.zeros(4)
    expected[[1, 3]] = logits[0, 0, [1, 3]].softmax(-1)
    assert torch.allclose(share, expected, atol=0.01) and share[0] == share[2] == 0


@pytest.mark.parametrize("uniform", [0.0, 1.0])
@pytest.mark.parametrize("allowed", [[0, 1, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
def test_the_ends_of_the_unit_interval_give_allowed_actions(uniform, allowed):
    obs = torch.tensor([[[0.0, *allowed]]])
    outputs = MASK.apply(rand(1, 1, 4), obs)
    action = policy_for(Discrete(4), MASK).sample(outputs, NONE, torch.full((1, 1), uniform))
    assert allowed[action.item()]


def test_gradients_are_finite_and_none_reaches_a_forbidden_logit():
    obs, allowed = masked_obs(2, 6)
    dist, action = policy_for(Discrete(4), MASK), allowed.float().argmax(-1)

    def objective(logits):
        outputs = MASK.apply(logits, obs)
        return (dist.log_prob(outputs, NONE, action) + dist.entropy(outputs, NONE)).mean(-1)

    _, (grad,) = value_and_grad(objective, [rand(2, 6, 4)])
    assert torch.isfinite(grad).all() and (grad[~allowed] == 0).all() and (grad[allowed] != 0).any()


def test_an_actors_network_gets_the_state_alone():
    obs, allowed = masked_obs(2, 5)
    dist = policy_for(Discrete(4), MASK)
    actor, plain = Actor(dist, 3, (8,), "tanh", MASK), Actor(dist, 3, (8,), "tanh")
    params = actor.init(SeedStreams([1, 2]), "init")
    logits, features = plain(params, obs[..., :3])[0], actor.features(params, obs)
    assert torch.equal(features, plain.features(params, obs[..., :3]))
    expected = torch.where(allowed, logits, torch.tensor(-1e8))
    assert torch.equal(actor(params, obs)[0], expected)
    assert torch.equal(actor.head(params, features, obs)[0], expected)


def test_a_mask_is_not_normalised():
    obs = masked_obs(2, 9)[0].numpy()
    whole, states = ObsNormalizer(2, 7, True, masked=4), ObsNormalizer(2, 3, True)
    for normalizer, seen in ((whole, obs), (states, obs[..., :3])):
        normalizer.update(seen, np.ones(2, bool))
    assert (whole(obs) == np.concatenate([states(obs[..., :3]), obs[..., 3:]], -1)).all()


@pytest.mark.parametrize("algorithm", [DQN, DoubleDQN, DuelingDQN, PERDQN])
def test_targets_and_greedy_actions_are_among_the_allowed(algorithm):
    """A target by a slow loop over the allowed actions of the next observation."""
    task = TaskInfo("none", MaskedBox(Box(-9, 9, (3,)), 4), Discrete(4), 1, 2000)
    agent = algorithm(algorithm.Config(net_arch=(16,), loss="mse"), task, SeedStreams([1, 2]), Device())
    agent.target.copy_(algorithm(agent.config, task, SeedStreams([8, 9]), Device()).online)
    (obs, now), (next_obs, then) = masked_obs(2, 7), masked_obs(2, 7)
    action, reward = now.float().argmax(-1), rand(2, 7)
    batch = Batch(obs, action, reward, next_obs, torch.full((2, 7), 0.9))
    result = agent.td_loss(agent.online, agent.target, batch, *[torch.ones(2, 7)] * (algorithm is PERDQN))
    found = result[0] if isinstance(result, tuple) else result
    # A mask that allows all shows the network's own values.
    online, target, values = (
        agent.network(params, torch.cat([seen[..., :3], torch.ones(2, 7, 4)], -1))
        for params, seen in ((agent.online, next_obs), (agent.target, next_obs), (agent.online, obs))
    )
    for s in range(2):
        errors = []
        for b in range(7):
            choices = then[s, b].nonzero().ravel().tolist()
            chooser = target if algorithm is DQN else online
            best = max(choices, key=lambda a: chooser[s, b, a].item())
            errors.append(reward[s, b] + 0.9 * target[s, b, best] - values[s, b, action[s, b]])
        assert found[s].item() == pytest.approx(np.mean(np.square(errors)), rel=1e-4)
    assert now.gather(-1, torch.from_numpy(agent.act(obs.numpy()))[..., None]).all()
