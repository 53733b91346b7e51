"""qrdqn and tqc: the quantiles of returns with known answers, and the promises every algorithm makes."""

import math

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rlbench_qrdqn.qrdqn import QRDQN
from rlbench_tqc.tqc import TQC
from support.continuous_updates import agent_of, inputs

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.envs.action_mask import MaskedBox
from rlbench.kit import Batch
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import CONSTANT, FORK, SHAPES

GAMMA = 0.5


class Coin(gymnasium.Env):
    """Episodes of one step whose reward is 20 in half of them, else −20."""

    observation_space, action_space = Box(0, 1, (1,), np.float32), Discrete(1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def step(self, action):
        return np.ones(1, np.float32), 20.0 if self.np_random.random() < 0.5 else -20.0, True, False, {}


gymnasium.register("rlbench-tests/Coin-v0", Coin)


def small(**more):
    given = {"net_arch": (32,), "n_quantiles": 5, "learning_starts": 30, "buffer_size": 110, "batch_size": 16}
    return QRDQN.Config(**{**given, "target_update_interval": 7, **more})


def untrained(space, actions, seeds=(1, 2), **more):
    """An agent before its first step, its target another network than its online one."""
    task = TaskInfo("none", space, Discrete(actions), 1, 2000)
    agent, other = (QRDQN(small(**more), task, SeedStreams(s), Device()) for s in (seeds, [s + 100 for s in seeds]))
    agent.target.copy_(other.online)
    return agent


# -- the promises ----------------------------------------------------------------------------------------------------
CASES = {
    "1 action, 1 quantile, batch 1": ({"n_quantiles": 1, "batch_size": 1}, 1, 120),
    "3 actions, batch 33, N 3": ({"batch_size": 33, "n_envs": 3, "learning_starts": 33}, 3, 180),
    "6 actions, 51 quantiles, batch 100, clipped": (
        {"n_quantiles": 51, "batch_size": 100, "max_grad_norm": 0.5},
        6,
        120,
    ),
    "100-33 tanh, soft targets": ({"net_arch": (100, 33), "activation_fn": "tanh", "tau": 0.1}, 3, 90),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_run_does_not_depend_on_its_stack_mates(case):
    more, actions, steps = case
    check_independence(QRDQN, small(**more), SHAPES, steps, {"obs": 17, "actions": actions})


@pytest.mark.parametrize("more", [{}, {"n_critics": 1, "n_quantiles": 1, "top_quantiles_to_drop_per_net": 0, "batch_size": 1},
                                  {"n_critics": 5, "n_quantiles": 7, "batch_size": 33}], ids=str)  # fmt: skip
def test_critics_of_a_seed_do_not_depend_on_those_of_its_stack_mates(more):
    config = TQC.Config(**{"net_arch": (16,), "batch_size": 16, "learning_starts": 20, **more})
    check_independence(TQC, config, SHAPES, 60, {"obs": 17, "dims": 3})


@pytest.mark.parametrize("more", [{}, {"n_envs": 2, "tau": 0.5, "train_freq": 3}], ids=str)
def test_a_resumed_run_equals_one_in_one_go(more, tmp_path):
    assert 0 < check_resume(QRDQN, small(**more), SHAPES, 300, tmp_path, {"obs": 17, "actions": 3}) < 300


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_number_in_one_seed_leaves_the_others_bits_alone(bad):
    poisoned = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[2]
    kwargs = {"bad_seeds": [poisoned], "bad": bad, "end": 0.1}
    config = small(batch_size=8, learning_starts=10)
    played = play(QRDQN, config, SHAPES, [7, 8, 9], 200, kwargs=kwargs, every=64)
    assert set(played.outcome.failed) == {8} and played.outcome.diverged_at == {}
    for seed in (7, 9):
        assert played.of_seed(seed) == play(QRDQN, config, SHAPES, [seed], 200, kwargs=kwargs, every=64).of_seed(seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
def test_compiled_runs_agree_in_every_stack_of_two_or_more():
    first, *others = [
        play(QRDQN, small(batch_size=33), SHAPES, seeds, 60, kwargs={"obs": 17, "actions": 3}, compile=True).of_seed(3)
        for seeds in ([7, 3], [3, 11, 5], [5, 3, 7])
    ]
    assert all(other == first for other in others)


# -- known answers -----------------------------------------------------------------------------------------------------
def learned(env_id, how=None, **more):
    """Quantiles that were learned in the state whose observation is 1 (and 0): [S, A, Q]."""
    given = {"batch_size": 32, "net_arch": (32,), "n_quantiles": 4, "learning_starts": 50, "gamma": GAMMA}
    given |= {
        "learning_rate": "lin_1e-2",
        "target_update_interval": 20,
        "exploration_final_eps": 1.0,
        "buffer_size": 1000,
    }
    kwargs = {"how": how} if how else {}
    agent = play(QRDQN, QRDQN.Config(**{**given, **more}), env_id, [0, 1], 1000, kwargs=kwargs).algorithm
    state = {CONSTANT: [1.0], FORK: [1.0, 0.0], "rlbench-tests/Coin-v0": [1.0]}[env_id]
    obs = torch.tensor(state * (agent.obs_size // len(state))).expand(2, 1, -1)
    return agent, agent.quantiles(agent.online, obs)[:, 0].detach().numpy()


def test_the_quantiles_of_a_coins_two_sides_are_these_sides_but_for_the_hubers_slope():
    """With p the share of −20, quantile τ < p is where (1 − τ)p(x + 20) = τ(1 − p): the other side is too far to matter."""
    agent, quantiles = learned("rlbench-tests/Coin-v0", batch_size=256, gamma=0.0)
    for found, low in zip(quantiles[:, 0], (agent.replay.state()["reward"].numpy() < 0).mean(-1)):
        tau = np.array([0.125, 0.375])
        assert found[:2] == pytest.approx(-20 + tau * (1 - low) / ((1 - tau) * low), abs=0.15)
        assert found[2:] == pytest.approx(20 - (tau * low / ((1 - tau) * (1 - low)))[::-1], abs=0.15)


@pytest.mark.parametrize(("how", "second"), [("terminated", 0.5), ("truncated", 1.0)])
def test_the_quantiles_of_a_fork_are_exact(how, second):
    """Action 0 gives 0.6; action 1 gives γ · 1, or γ / (1 − γ) where the end is a cut. Nothing is random, so all are equal."""
    _, quantiles = learned(FORK, how)
    assert quantiles == pytest.approx(np.tile([[[0.6]], [[second]]], (1, 1, 4)).reshape(1, 2, 4).repeat(2, 0), abs=0.04)


@pytest.mark.parametrize(("how", "value"), [("terminated", 1.0), ("truncated", 1 / (1 - GAMMA))])
def test_truncation_bootstraps_but_termination_does_not(how, value):
    _, quantiles = learned(CONSTANT, how)
    assert quantiles == pytest.approx(np.full((2, 2, 4), value), abs=0.05)


def test_targets_and_greedy_actions_are_among_the_allowed():
    """A loss by a slow loop over the allowed actions of the next observation."""
    agent, generator = untrained(MaskedBox(Box(-9, 9, (3,)), 4), 4), torch.Generator().manual_seed(0)

    def seen():
        allowed = torch.rand(2, 7, 4, generator=generator) < 0.5
        allowed[..., 2] |= ~allowed.any(-1)
        return torch.cat([torch.randn(2, 7, 3, generator=generator), allowed.float()], -1), allowed

    (obs, now), (next_obs, then), reward = seen(), seen(), torch.randn(2, 7, generator=generator)
    action = now.float().argmax(-1)
    loss, _ = agent.td_loss(agent.online, agent.target, Batch(obs, action, reward, next_obs, torch.full((2, 7), 0.9)))
    values, target = agent.quantiles(agent.online, obs), agent.quantiles(agent.target, next_obs)
    for s in range(2):
        total = 0.0
        for b in range(7):
            best = max(then[s, b].nonzero().ravel().tolist(), key=lambda a: target[s, b, a].mean().item())
            for i, estimate in enumerate(values[s, b, action[s, b]].tolist()):
                for z in target[s, b, best].tolist():
                    error = reward[s, b].item() + 0.9 * z - estimate
                    huber = 0.5 * error**2 if abs(error) <= 1 else abs(error) - 0.5
                    total += abs((i + 0.5) / 5 - (error < 0)) * huber / 5
        assert loss[s].item() == pytest.approx(total / 7, rel=1e-4)
    assert now.gather(-1, torch.from_numpy(agent.act(obs.numpy()))[..., None]).all()


@pytest.mark.parametrize("dropped", [0, 2])
def test_a_target_leaves_out_the_largest_quantiles_of_all_critics_together(dropped):
    """A loss by a slow loop, over three critics of four quantiles."""
    params = {"n_critics": 3, "n_quantiles": 4, "top_quantiles_to_drop_per_net": dropped, "ent_coef": 0.2}
    agent = agent_of(TQC, TQC.Config(net_arch=(16,), batch_size=12, learning_starts=20, **params))
    batch, normal = inputs(agent)
    agent.target.add_(0.3 * torch.randn(agent.target.shape, generator=torch.Generator().manual_seed(3)))
    found, _ = agent.critic_loss(agent.critic, agent.target, agent.actor, agent.log_alpha, batch, normal[:, 0])
    action, log_prob = agent.policy_of(agent.actor, batch.next_obs, normal[:, 0])
    ours = agent.quantiles_of(agent.critic, batch.obs, batch.action)
    theirs = agent.quantiles_of(agent.target, batch.next_obs, action)
    for s in range(3):
        losses = []
        for b in range(12):
            pool = sorted(theirs[s, b].ravel().tolist())[: 12 - 3 * dropped]
            for critic in range(3):
                for i, estimate in enumerate(ours[s, b, critic].tolist()):
                    for z in pool:
                        goal = z - 0.2 * log_prob[s, b].item()
                        error = batch.reward[s, b].item() + batch.discount[s, b].item() * goal - estimate
                        huber = 0.5 * error**2 if abs(error) <= 1 else abs(error) - 0.5
                        losses.append(abs((i + 0.5) / 4 - (error < 0)) * huber)
        assert found[s].item() == pytest.approx(np.mean(losses), rel=1e-4)


# -- numbers that cannot work ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("algorithm", "wrong", "message"),
    [
        (QRDQN, {"batch_size": 200, "buffer_size": 110}, "is smaller than batch_size"),
        (QRDQN, {"exploration_schedule": "exponential", "exploration_final_eps": 0}, "exponential decay needs"),
        (TQC, {"n_quantiles": 2}, "top_quantiles_to_drop_per_net must be below n_quantiles, 2"),
        (TQC, {"ent_coef": 0}, "ent_coef"),
    ],
    ids=str,
)
def test_numbers_that_cannot_work_are_refused(algorithm, wrong, message):
    with pytest.raises(ValueError, match=message):
        algorithm.Config(**wrong)
