"""iql, vdn and qmix: targets by hand, and what they have in common: groups, parameters, masks, death, seeds."""

import numpy as np
import pytest
import torch
from rlbench_iql.iql import IQL
from rlbench_qmix.qmix import QMIX
from rlbench_vdn.vdn import VDN
from support.one_update import learn_from
from support.several_agents import TWINS, UNEQUAL, module, random_vectors, tables, transition, untrained, vector

from rlbench.kit import Batch, replay_entry
from rlbench.plugins import load_plugins
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.subject import SHAPES, Subject

ALL = [IQL, VDN, QMIX]
ONLINE = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]  # the last action is the best one
TARGET = [[10.0, 50.0, 30.0], [40.0, 20.0, 60.0]]


def tabular(algorithm, **more):
    agent = untrained(algorithm, TWINS, seeds=(3,), net_arch=(), gamma=0.9, **more)
    tables(agent, ONLINE, TARGET)
    return agent


def batch_of(agent, t):
    entry = agent.entry(t) if isinstance(agent, IQL) else replay_entry(t, 0.9)
    return Batch(
        **{
            name: torch.as_tensor(np.asarray(v, np.int64 if name == "action" else np.float32))
            for name, v in entry.items()
        }
    )


def target_of(agent, t):
    batch = batch_of(agent, t)
    return agent.td_target(agent.online, agent.target, batch)[0, 0].tolist()


BOTH, SECOND_DIES = vector(TWINS), vector(TWINS, alive=[1, 0])
# A mask that forbids the first agent its best action.
FORBIDDEN = vector(TWINS, masks=[[1, 1, 0], [1, 1, 1]])
STEPS = {
    "goes on": dict(next_obs=BOTH),
    "truncated": dict(next_obs=BOTH, truncated=True),
    "terminated": dict(next_obs=vector(TWINS, alive=[0, 0]), terminated=True),
    "the second dies": dict(next_obs=SECOND_DIES),
    "the best is forbidden": dict(next_obs=FORBIDDEN),
}
OWN = {  # rewards 1 and 2, γ = 0.9
    "goes on": [1 + 0.9 * 30, 2 + 0.9 * 60],
    "truncated": [1 + 0.9 * 30, 2 + 0.9 * 60],
    "terminated": [1, 2],
    "the second dies": [1 + 0.9 * 30, 2],
    "the best is forbidden": [1 + 0.9 * 50, 2 + 0.9 * 60],
}
SUMS = {  # the team's reward is 3
    "goes on": 3 + 0.9 * 90,
    "truncated": 3 + 0.9 * 90,
    "terminated": 3,
    "the second dies": 3 + 0.9 * 30,
    "the best is forbidden": 3 + 0.9 * 110,
}


@pytest.mark.parametrize("name", STEPS)
def test_an_independent_learners_target_is_its_own(name):
    t = transition(BOTH, action=[0, 1], rewards=[1, 2], **STEPS[name])
    assert target_of(tabular(IQL, team_reward=False), t) == pytest.approx(OWN[name])
    team = [value + more for value, more in zip(OWN[name], (2, 1))]  # both learn from 1 + 2
    assert target_of(tabular(IQL), t) == pytest.approx(team)


@pytest.mark.parametrize("name", STEPS)
def test_the_target_of_vdn_is_the_teams_reward_and_the_sum_of_the_next_values(name):
    t = transition(BOTH, action=[0, 1], rewards=[1, 2], **STEPS[name])
    assert target_of(tabular(VDN), t) == pytest.approx(SUMS[name])
    assert target_of(tabular(VDN, team_reward=False), t) == pytest.approx(SUMS[name])


@pytest.mark.parametrize("name", STEPS)
def test_the_target_of_qmix_is_the_mixture_of_the_same_next_values(name):
    agent, next_obs = tabular(QMIX), STEPS[name]["next_obs"]
    first = 50.0 if name == "the best is forbidden" else 30.0
    values = torch.tensor([first, 60.0]) * torch.from_numpy(TWINS.alive(next_obs))
    state = torch.from_numpy(TWINS.state(next_obs))
    mixed = agent.mixing(agent.target[:, agent.values.size :], values.view(1, 1, 2), state.view(1, 1, 2))[0, 0]
    expected = 3 if name == "terminated" else 3 + 0.9 * mixed.item()
    t = transition(BOTH, action=[0, 1], rewards=[1, 2], **STEPS[name])
    assert target_of(agent, t) == pytest.approx(expected)


def test_without_double_q_the_target_network_chooses_too():
    t = transition(BOTH, BOTH, [0, 1], [1, 2])
    assert target_of(tabular(IQL, team_reward=False, double_q=False), t) == pytest.approx([1 + 0.9 * 50, 2 + 0.9 * 60])
    assert target_of(tabular(VDN, double_q=False), t) == pytest.approx(3 + 0.9 * 110)


@pytest.mark.parametrize(
    ("algorithm", "loss"),
    # Values of the actions 0 and 2 are 1 and 6. Both agents: errors of 28 - 1 and 56 - 6; together 84 - 7. The first
    # alone: 28 - 1, and for the team 1 + 0.9 · 30 - 1.
    [(IQL, [(27**2 + 50**2) / 2, 27**2]), (VDN, [77**2, 27**2])],
)
def test_an_agent_that_is_dead_is_not_learned_from(algorithm, loss):
    agent = tabular(algorithm, team_reward=False)
    both = batch_of(agent, transition(BOTH, BOTH, [0, 2], [1, 2]))
    one = batch_of(agent, transition(SECOND_DIES, SECOND_DIES, [0, 2], [1, 0]))
    assert [agent.td_loss(agent.online, agent.target, b)[0].item() for b in (both, one)] == pytest.approx(loss)


def test_huber_errors_count_linearly_beyond_one():
    agent = tabular(VDN, loss="huber")
    batch = batch_of(agent, transition(BOTH, BOTH, [0, 2], [1, 2]))
    assert agent.td_loss(agent.online, agent.target, batch)[0].item() == pytest.approx(77 - 0.5)


def random_batch(agent, size=9, seeds=2):
    layout, g = agent.agents.layout, np.random.default_rng(1)
    obs, next_obs = (torch.from_numpy(random_vectors(layout, (seeds, size), seed)) for seed in (1, 2))
    action = torch.from_numpy(agent.agents.random_actions(g.random((seeds, size, layout.count)), obs.numpy()))
    shape = (seeds, size, layout.count) if isinstance(agent, IQL) else (seeds, size)
    reward, discount = (torch.from_numpy(a.astype(np.float32)) for a in (g.standard_normal(shape), g.random(shape)))
    return Batch(obs, action, reward, next_obs, discount)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("layout", [TWINS, UNEQUAL], ids=["twins", "unequal"])
def test_the_values_are_those_of_networks_in_torchs_own_modules(layout, shared):
    agent = untrained(IQL, layout, share_parameters=shared)
    obs = torch.from_numpy(random_vectors(layout, (2, 5)))
    values, observed, masks = agent.values(agent.online, obs), layout.observations(obs), layout.masks(obs)
    for seed in range(2):
        row = agent.online[seed]
        for i, group in enumerate(layout.groups):
            count = len(group.members)
            ids = shared and count > 1
            dims = (group.obs_size + count * ids, 16, group.num_actions)
            size = sum(a * -(-b // 16) * 16 + -(-b // 16) * 16 for a, b in zip(dims, dims[1:]))
            for member in range(count):
                x = observed[i][seed, :, member]
                if ids:
                    x = torch.cat([x, torch.eye(count)[member].expand(5, count)], -1)
                expected = module(dims, row)(x).detach()
                if masks:
                    expected[masks[i][seed, :, member] == 0] = -1e8
                torch.testing.assert_close(values[i][seed, :, member], expected, rtol=1e-5, atol=1e-6)
                row = row if shared else row[size:]
            row = row[size:] if shared else row
        assert not len(row)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("algorithm", ALL)
def test_the_greedy_actions_are_in_the_order_of_the_agents_and_allowed(algorithm, shared):
    for layout in (TWINS, UNEQUAL):
        agent = untrained(algorithm, layout, share_parameters=shared)
        obs = random_vectors(layout, (2, 7))
        action, values = agent.act(obs), agent.values(agent.online, torch.from_numpy(obs))
        for group, value in zip(layout.groups, values):
            for i, member in enumerate(group.members):
                assert action[..., member].tolist() == value[..., i, :].argmax(-1).tolist()
        for group, mask in zip(layout.groups, layout.masks(obs)):
            assert np.take_along_axis(mask, action[..., list(group.members)][..., None], -1).all()


def test_an_independent_learner_with_a_network_of_its_own_changes_nothing_for_another_agent():
    agent = untrained(IQL, TWINS, seeds=(3,), share_parameters=False)
    before = agent.online.clone()
    batch = random_batch(agent, seeds=1)
    TWINS.alive(batch.obs)[:] = torch.tensor([1.0, 0.0])
    learn_from(agent, batch)
    changed = (agent.online != before).view(2, -1).any(-1)
    assert changed.tolist() == [True, False]


@pytest.mark.parametrize("algorithm", ALL)
def test_a_seed_that_is_not_active_keeps_its_bits_and_a_nan_stays_with_its_seed(algorithm):
    agent, other = (untrained(algorithm, UNEQUAL) for _ in range(2))
    batch, before = random_batch(agent), agent.online.clone()
    bad = batch._replace(reward=batch.reward.index_fill(0, torch.tensor([1]), float("nan")))
    learn_from(agent, bad, active=torch.tensor([True, False]))
    learn_from(other, batch)
    assert torch.equal(agent.online[0], other.online[0]) and not torch.equal(agent.online[0], before[0])
    assert torch.equal(agent.online[1], before[1])


@pytest.mark.parametrize("algorithm", ALL)
def test_it_logs_its_error_its_values_and_its_exploration(algorithm):
    agent = untrained(algorithm, UNEQUAL, exploration_initial_eps=0.7)
    logged = learn_from(agent, random_batch(agent))
    assert set(logged) == {"td_loss", "mean_q", "grad_norm", "epsilon"} and logged["epsilon"] == 0.7
    assert logged["td_loss"].shape == logged["mean_q"].shape == (2,)


SMALL = {"net_arch": [10], "batch_size": 7, "learning_starts": 20, "target_update_interval": 9, "n_envs": 2}
ODD = {"iql": {}, "vdn": {}, "qmix": {"mixing_embed_dim": 5, "hypernet_hidden_dim": 7}}


def subject_of(name, **more):
    return Subject(load_plugins().algorithm(name), {**SMALL, **ODD[name], **more}, 90)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", ODD)
def test_a_seeds_numbers_do_not_depend_on_its_stack(name, shared):
    subject = subject_of(name, share_parameters=shared)
    env_id, kwargs, backend = subject.environment(SHAPES)
    check_independence(subject.algorithm, subject.config, env_id, 90, kwargs, backend=backend)


@pytest.mark.parametrize("name", ODD)
def test_a_resumed_run_ends_as_an_uninterrupted_one(name, tmp_path):
    subject = subject_of(name, share_parameters=False)
    env_id, kwargs, backend = subject.environment(SHAPES)
    check_resume(subject.algorithm, subject.config, env_id, 90, tmp_path, kwargs, backend=backend)


@pytest.mark.slow
def test_a_mixing_network_finds_what_a_sum_cannot_express():
    """The two-step game of the paper, with random actions alone: a sum cannot tell 8 from the 1 beside it, so it takes 7."""
    pytest.importorskip("rlbench.envs.matrix_games")
    backend = subject_of("vdn").environment(SHAPES)[2]
    returns = {}
    for algorithm in (VDN, QMIX):
        config = algorithm.Config(
            n_envs=4,
            net_arch=(32,),
            learning_starts=200,
            target_update_interval=200,
            learning_rate=2e-3,
            exploration_final_eps=1.0,
        )
        game = "rlbench.envs.matrix_games:two_step"
        played = play(algorithm, config, game, (0, 1, 2), 4_000, backend=backend, final_episodes=1)
        returns[algorithm] = [evaluation.returns[0] for evaluation in played.sink.evaluations]
    assert returns == {VDN: [7.0] * 3, QMIX: [8.0] * 3}
