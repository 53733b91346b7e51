"""ippo, and what mappo has in common with it: the update, dead agents, and the promises every algorithm keeps."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rlbench_ippo.ippo import IPPO
from rlbench_mappo.mappo import MAPPO
from rlbench_ppo.ppo import PPO
from support.agent_worlds import BACKEND, MORTALS, WALK_WITH_STATE, built, trained, walk
from support.one_update import at_step_0

from rlbench import SeedStreams
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import BANDIT, SHAPES
from rlbench.testing.subject import WORLD

SMALL = {"n_envs": 4, "n_steps": 8, "batch_size": 16, "n_epochs": 2, "net_arch": (16,)}
CONTINUOUS = {"actions": 2, "dims": 3, "agents": ({}, {}, {"obs": 3, "dims": 2})}
BOTH = pytest.mark.parametrize("algorithm", [IPPO, MAPPO])
SHARED = pytest.mark.parametrize("share", [True, False], ids=["shared", "separate"])


def small(algorithm, **more):
    return algorithm.Config(**SMALL | more)


def learn(agent, rollout, order=None):
    """Learn from a rollout, in a given order of its steps; return what is logged."""
    interaction, size = at_step_0(np.ones(agent.num_seeds, bool)), agent.config.n_steps * agent.config.n_envs
    agent.rollout = SimpleNamespace(tensors=lambda: rollout)
    agent.streams = SimpleNamespace(
        permutations=lambda name, size: np.stack([np.arange(size) if order is None else order] * agent.num_seeds)
    )
    assert rollout["obs"].shape[1] * rollout["obs"].shape[2] == size
    agent.learn(interaction)
    return interaction.logged


def rollout_of(agent):
    return {name: x.clone() for name, x in agent.rollout.tensors().items()}


# -- the update --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@pytest.mark.parametrize("normalize", [False, True], ids=["raw", "normalised"])
@BOTH
def test_with_one_agent_a_run_is_ppos_bit_for_bit(algorithm, normalize, kind):
    common = {**SMALL, "ent_coef": 0.01, "learning_rate": 3e-3, "normalize_reward": normalize}
    alone = play(PPO, PPO.Config(**common), SHAPES, [0, 1], 128, kwargs={"obs": 5, "end": 0.1, **kind}, every=64)
    agents = trained(algorithm, algorithm.Config(**common), [0, 1], 128, walk([{}], **kind), every=64)
    assert alone.learned.keys() == agents.learned.keys() and alone.algorithm.optimizer.step.tolist() == [16, 16]
    for name, learned in alone.learned.items():
        assert np.array_equal(learned, agents.learned[name]), name
    of_both = [sorted((m.seed, m.step, m.name, m.value) for m in played.sink.metrics) for played in (alone, agents)]
    assert of_both[0] == of_both[1] and len(of_both[0]) > 20


def test_advantages_are_hand_computed_ones_with_a_death_in_the_middle():
    """γ = λ = 1/2 and V = 2 · observation. The second agent dies in its first step; the episode is truncated at the end."""
    config = small(IPPO, n_envs=1, n_steps=3, batch_size=3, n_epochs=1, net_arch=(), gamma=0.5, gae_lambda=0.5)
    agent = built(IPPO, config, {"env_id": BANDIT})
    agent.params[0].zero_()
    agent.params[1].zero_()
    agent.params[1][0, 0] = 2.0  # of the observation; the weights of the ids are 0
    vectors = torch.tensor([[1, 1, 1, 1], [2, 0, 1, 0], [3, 0, 1, 0], [4, 0, 1, 0.0]])  # two observations, who is alive
    pair = torch.tensor
    rollout = {
        "obs": vectors[:3].view(1, 3, 1, 4),
        "next_obs": vectors[1:].view(1, 3, 1, 4),
        "action": torch.zeros(1, 3, 1, 2, dtype=torch.int64),
        "log_prob": torch.full((1, 3, 1, 2), -np.log(4.0), dtype=torch.float32),
        "reward": pair([[1, 5], [2, 7], [3, 9.0]]).view(1, 3, 1, 2),  # what is given to the dead counts nowhere
        "discount": pair([[0.5, 0], [0.5, 0], [0.5, 0]]).view(1, 3, 1, 2),
        "cut": pair([[False, True], [False, True], [True, True]]).view(1, 3, 1, 2),
    }
    given, gradient = {}, agent.gradient

    def spy(params, obs, action, log_prob, advantage, returns):
        given.update(advantage=advantage[0], returns=returns[0])
        return gradient(params, obs, action, log_prob, advantage, returns)

    agent.gradient = spy
    logged = learn(agent, rollout)
    # δ₂ = 3 + 8/2 − 6 = 1, δ₁ = 2 + 6/2 − 4 = 1, δ₀ = 1 + 4/2 − 2 = 1; and 5 − 2 for the other
    assert given["advantage"][:, 0].tolist() == [1.3125, 1.25, 1.0] and given["advantage"][0, 1] == 3.0
    assert given["returns"][:, 0].tolist() == [3.3125, 5.25, 7.0] and given["returns"][0, 1] == 5.0
    assert logged["value_loss"].item() == pytest.approx((1.3125**2 + 1.25**2 + 1 + 9) / 4)  # of four steps, not six
    assert logged["entropy"].item() == pytest.approx(np.log(4)) and logged["approx_kl"].item() == pytest.approx(0)
    returns, errors = np.array([3.3125, 5.25, 7, 5]), np.array([1.3125, 1.25, 1, 3])
    assert logged["explained_variance"].item() == pytest.approx(1 - errors.var() / returns.var())


@BOTH
def test_an_agents_steps_end_with_its_death_and_a_truncation_is_no_end(algorithm):
    """Every agent learns from the team's reward: 1 + 2, and 1 once the second is dead."""
    config = small(algorithm, n_envs=1, n_steps=4, batch_size=4, gamma=0.5)
    r = trained(algorithm, config, [0], 4, {}, world=MORTALS).algorithm.rollout.tensors()
    assert r["next_obs"][0, :, 0].tolist() == [[1, 1, 1, 1], [2, 0, 1, 0], [3, 0, 1, 0], [4, 0, 1, 0]]
    assert r["reward"][0, :, 0].tolist() == [[3, 3], [3, 3], [1, 1], [1, 1]]
    assert r["discount"][0, :, 0].tolist() == [[0.5, 0.5], [0.5, 0], [0.5, 0], [0.5, 0]]
    assert r["cut"][0, :, 0].tolist() == [[False, False], [False, True], [False, True], [True, True]]


def perturbed(layout, rollout, other):
    """A rollout in which all that is stored of dead agents, but for who is alive, is replaced by what is in another."""
    changed = {name: x.clone() for name, x in rollout.items()}
    for name in ("obs", "next_obs"):
        dead = layout.by_group(layout.alive(rollout[name]) == 0)
        for mine, theirs, where in zip(layout.observations(changed[name]), layout.observations(other[name]), dead):
            mine[where] = theirs[where]
    dead = layout.alive(rollout["obs"]) == 0
    for name in ("log_prob", "reward"):
        changed[name][dead] += 3.0
    ordered = torch.cat(layout.by_group(dead), -1)
    changed["action"][ordered] = 1 - changed["action"][ordered].clamp(max=1)
    return changed, dead


@SHARED
@BOTH
def test_what_is_stored_of_dead_agents_changes_no_bit_of_an_update(algorithm, share):
    """mappo's critic sees the observations of all agents, unless the world has a state of its own, as here."""
    config = small(algorithm, share_parameters=share, n_epochs=1)
    kwargs, agents = walk(), []
    rollout = rollout_of(trained(algorithm, config, [0, 1], 64, kwargs, world=WALK_WITH_STATE).algorithm)
    for change in (False, True):
        agent = built(algorithm, config, kwargs, (0, 1), world=WALK_WITH_STATE)
        noise = {name: torch.randn(x.shape, generator=torch.Generator().manual_seed(1)) for name, x in rollout.items()}
        given, dead = perturbed(agent.layout, rollout, noise)
        learn(agent, given if change else rollout)
        agents.append(agent)
    assert 0.1 < dead.float().mean() < 0.9 and not torch.equal(given["obs"], rollout["obs"])
    assert all(torch.equal(one, other) for one, other in zip(agents[0].params, agents[1].params))
    fresh = built(algorithm, config, kwargs, (0, 1), world=WALK_WITH_STATE)
    assert not any(torch.equal(one, other) for one, other in zip(agents[0].params, fresh.params))


@SHARED
def test_separate_networks_learn_from_their_own_agent_alone(share):
    """The networks of the first of two agents depend on what the second observes and gets only if they are shared."""
    plain = {"normalize_advantage": False, "max_grad_norm": 1e9, "n_epochs": 1}
    config, kwargs = small(IPPO, share_parameters=share, **plain), walk([{}, {}])
    rollout, params = rollout_of(trained(IPPO, config, [0], 64, kwargs).algorithm), []
    for change in (0.0, 1.0):
        agent, given = built(IPPO, config, kwargs), {name: x.clone() for name, x in rollout.items()}
        given["reward"][..., 1] += change
        for name in ("obs", "next_obs"):
            agent.layout.observations(given[name])[0][..., 1, :] += change
        learn(agent, given)
        params.append([x.view(1 if share else 2, -1)[0] for x in agent.params])
    assert all(torch.equal(one, other) != share for one, other in zip(*params))


@BOTH
@SHARED
def test_agents_of_different_spaces_have_networks_of_their_own(algorithm, share):
    agent = built(algorithm, small(algorithm, share_parameters=share), walk())
    assert [inputs.size for inputs in agent.policies.inputs] == ([5 + 2, 3] if share else [5, 3])
    layers = [(inputs.size * 16 + 16 + 16 * 16 + 16) * inputs.copies for inputs in agent.policies.inputs]
    assert agent.params[0].shape == (1, sum(layers)) and [x.copies for x in agent.policies.inputs] == [2 - share, 1]


@BOTH
@SHARED
@pytest.mark.parametrize("kwargs", [walk(), walk(**CONTINUOUS)], ids=["discrete", "continuous"])
def test_before_an_update_every_ratio_is_one_and_each_agent_has_its_own(algorithm, share, kwargs):
    """What acting stored and what the loss computes are the same numbers, though they stand in different orders."""
    agent = trained(
        algorithm, small(algorithm, share_parameters=share, learning_rate=1e-30), [0, 1], 32, kwargs
    ).algorithm
    r = {name: x.flatten(1, 2) for name, x in agent.rollout.tensors().items()}
    log_prob, entropy = agent.policies.evaluate(agent.params[0], r["obs"], r["action"])
    assert torch.allclose(log_prob, agent.policies.rows(r["log_prob"]), atol=1e-5)
    assert torch.equal(agent.policies.by_agent(agent.policies.rows(r["log_prob"])), r["log_prob"])
    assert log_prob.std() > (0.1 if "dims" in kwargs else 1e-4) and entropy.shape == log_prob.shape == (2, 96)


@BOTH
def test_forbidden_actions_have_no_probability(algorithm):
    agent = built(algorithm, small(algorithm), walk(actions=5, masked=True, agents=({}, {}, {"obs": 3, "actions": 4})))
    layout, obs = agent.layout, np.zeros((1, 500, agent.obs_size), np.float32)
    allowed = np.random.default_rng(0).random((1, 500, 3, 5)) < 0.4
    allowed[..., 1] = True
    layout.masks(obs)[0][...], layout.masks(obs)[1][...] = allowed[:, :, :2], allowed[:, :, 2:, :4]
    for actions in (agent.policy("sampled")(obs, None), agent.act(obs)):
        assert actions.shape == (1, 500, 3)
        for member in range(3):
            assert np.take_along_axis(allowed[:, :, member], actions[..., member : member + 1], -1).all()


# -- the promise -------------------------------------------------------------------------------------------------------
CASES = {
    "discrete": (walk(), {}),
    "discrete, separate": (walk(), {"share_parameters": False}),
    "continuous": (walk(**CONTINUOUS), {}),
    "continuous, separate": (walk(**CONTINUOUS), {"share_parameters": False}),
    "one number, separate, normalised": (
        walk([{}, {}], dims=1, obs=1),
        {"share_parameters": False, "normalize_reward": True, "n_envs": 1, "n_steps": 33, "batch_size": 11},
    ),
    "masks, wide": (
        walk(actions=5, masked=True, agents=({}, {}, {"obs": 3, "actions": 4})),
        {"net_arch": (33, 17), "n_envs": 3, "n_steps": 11, "batch_size": 33, "learning_rate": "lin_1e-3"},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@BOTH
def test_a_run_does_not_depend_on_its_stack_mates(algorithm, case):
    kwargs, more = case
    check_independence(algorithm, small(algorithm, **more), WORLD, 132, kwargs, backend=BACKEND)


@SHARED
@BOTH
def test_a_resumed_run_is_the_uninterrupted_one(algorithm, share, tmp_path):
    config = small(algorithm, share_parameters=share, normalize_reward=True)
    check_resume(algorithm, config, WORLD, 320, tmp_path, walk(), backend=BACKEND)


@BOTH
def test_a_bad_number_in_one_seed_leaves_the_others_bits_alone(algorithm):
    bad = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[2]
    config, kwargs = small(algorithm, normalize_reward=True), walk(bad_seeds=[bad], bad_after=1)
    played = trained(algorithm, config, [7, 8, 9], 256, kwargs, every=64)
    assert set(played.outcome.failed) == {8}
    for seed in (7, 9):
        assert played.of_seed(seed) == trained(algorithm, config, [seed], 256, kwargs, every=64).of_seed(seed)
    assert all(np.isfinite(x).all() for x in played.learned.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # inductor's own
@BOTH
def test_a_compiled_run_is_the_eager_one_up_to_rounding(algorithm):
    runs = [trained(algorithm, small(algorithm), [0, 1], 64, walk(), compile=compile) for compile in (False, True)]
    for name in ("actor", "critic"):
        assert np.allclose(*(run.learned[name] for run in runs), atol=1e-6)


@BOTH
def test_a_sampled_policy_draws_and_a_greedy_one_does_not(algorithm):
    agent = built(algorithm, small(algorithm), {"env_id": BANDIT}, (0, 1))
    obs, start = np.ones((2, 500, agent.obs_size), np.float32), np.zeros((2, 500), bool)
    agent.streams.restart("evaluate", 5)
    with agent.streams.only("evaluate"):
        greedy = agent.policy()(obs, start)
        drawn, again = (agent.policy("sampled")(obs, start) for _ in range(2))
    assert (greedy == greedy[:, :1]).all() and (drawn != again).any() and (drawn[0] != drawn[1]).any()
    assert (drawn[..., 0] != drawn[..., 1]).mean() == pytest.approx(0.75, abs=0.05)  # agents draw apart
    assert np.bincount(drawn.ravel(), minlength=4) / drawn.size == pytest.approx([1 / 4] * 4, abs=0.05)
    with pytest.raises(ValueError, match="no 'random' policy"):
        agent.policy("random")


@BOTH
def test_a_batch_size_that_divides_no_rollout_is_refused(algorithm):
    with pytest.raises(ValueError, match="batch_size 24 does not divide n_envs · n_steps = 32"):
        small(algorithm, batch_size=24)
