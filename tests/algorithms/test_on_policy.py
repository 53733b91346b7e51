"""The on-policy algorithms: known answers, hand-computed gradients, a peer's update, and the promise."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rlbench_a2c.a2c import A2C
from rlbench_ppo.ppo import PPO
from rlbench_reinforce.reinforce import Reinforce
from torch import nn

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.api import Task
from rlbench.envs.gymnasium_backend import rlbench_env_backends
from rlbench.kit import value_and_grad
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import BANDIT, CONSTANT, FORK, SHAPES, TARGET, Target

GAMMA = 0.5


def ppo(**more):
    return PPO, PPO.Config(**{"num_envs": 4, "horizon": 8, "batch": 16, "epochs": 2, "hidden": (16,)} | more)


def a2c(**more):
    return A2C, A2C.Config(**{"num_envs": 4, "hidden": (16,)} | more)


def reinforce(**more):
    small = {"num_envs": 4, "horizon": 8, "episodes": 4, "memory": 64, "hidden": (16,), "value_steps": 2}
    return Reinforce, Reinforce.Config(**small | more)


NORMALIZED = {"normalize_obs": True, "normalize_reward": True}
EACH = {"ppo": ppo, "a2c": a2c, "reinforce": reinforce}


def both(names=("ppo", "a2c", "reinforce")):
    return pytest.mark.parametrize("make", [EACH[name] for name in names], ids=names)


# -- the promise -----------------------------------------------------------------------------------------------------
CASES = {
    "ppo, 3 dims, N 3, batch 33, normalised": ({"dims": 3}, 99, *ppo(num_envs=3, horizon=11, batch=33, **NORMALIZED)),
    "ppo, 1 dim, N 1, batch 100": ({"dims": 1}, 200, *ppo(num_envs=1, horizon=100, batch=100, entropy_weight=0.01)),
    "ppo, 6 dims, N 1, shared, value clip, target KL": (
        {"dims": 6},
        90,
        *ppo(num_envs=1, horizon=30, batch=10, shared=True, value_clip=0.2, target_kl=1e-4, epochs=4, lr=1e-2),
    ),
    "ppo, 1 action, N 1, normalised": ({"actions": 1}, 60, *ppo(num_envs=1, horizon=20, batch=10, **NORMALIZED)),
    "a2c, 1 action, N 1, horizon 1": ({"actions": 1}, 60, *a2c(num_envs=1, horizon=1)),
    "a2c, 3 actions, N 3, horizon 11, shared": ({"actions": 3}, 99, *a2c(num_envs=3, horizon=11, shared=True)),
    "a2c, 6 actions, N 1, horizon 100, Adam": (
        {"actions": 6},
        200,
        *a2c(num_envs=1, horizon=100, optimizer="adam", lam=0.9, normalize_advantage=True),
    ),
    "a2c, 1 dim, N 1, horizon 100": ({"dims": 1}, 200, *a2c(num_envs=1, horizon=100, eps_inside=True)),
    "a2c, 3 dims, N 3, horizon 11, normalised": ({"dims": 3}, 99, *a2c(num_envs=3, horizon=11, **NORMALIZED)),
    "a2c, 6 dims, N 1, relu": ({"dims": 6}, 90, *a2c(num_envs=1, activation="relu", lr_schedule="linear")),
    "reinforce, 1 action, N 1, a step's look": ({"actions": 1}, 80, *reinforce(num_envs=1, horizon=1, memory=33)),
    "reinforce, 3 actions, N 3, window 33": ({"actions": 3}, 99, *reinforce(num_envs=3, memory=11)),
    "reinforce, 6 actions, no baseline": ({"actions": 6}, 120, *reinforce(num_envs=1, memory=100, baseline=False)),
    "reinforce, 1 dim, normalised": ({"dims": 1}, 120, *reinforce(num_envs=1, memory=100, **NORMALIZED)),
    "reinforce, 3 dims, entropy": ({"dims": 3}, 99, *reinforce(num_envs=3, memory=11, entropy_weight=0.01)),
    "reinforce, 6 dims, raw returns": ({"dims": 6}, 120, *reinforce(num_envs=1, normalize_return=False)),
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
    assert set(played.outcome.diverged_at) == {8} and 0 < played.outcome.diverged_at[8] < 320
    for seed in (7, 9):
        assert played.of_seed(seed) == play(algorithm, config, SHAPES, [seed], 320, kwargs=kwargs, every=64).of_seed(
            seed
        )
    assert all(np.isfinite(x).all() for x in played.learned.values())


@pytest.mark.parametrize("kwargs", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@both()
def test_a_parked_seed_learns_nothing_more(make, kwargs):
    """Parked before the first update, its networks stay as they began and its statistics as they were."""
    algorithm, config = make(num_envs=1, **({"batch": 8} if make is ppo else {}), **NORMALIZED)
    bad = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[0]
    kwargs = {**kwargs, "bad_seeds": [bad], "end": 0.02, "bad_after": 2}  # before the first update
    played = play(algorithm, config, SHAPES, [7, 8], 160, kwargs=kwargs)
    start = built(algorithm, config, SHAPES, kwargs, [7, 8])
    for mine, fresh in zip(played.algorithm.params, start.params):
        assert torch.equal(mine[1], fresh[1])
    if algorithm is not A2C:  # RMSProp counts no steps
        assert played.learned["optimizer.step"][0] > 0 == played.learned["optimizer.step"][1]
    assert played.learned["obs_norm.count"].tolist() == [160, 3]


def built(algorithm, config, env_id, kwargs, seeds=(0,), steps=1_000):
    """The algorithm as it is before its first step."""
    probe = rlbench_env_backends()[0].make_env(Task(env_id, steps, kwargs=kwargs))
    info = TaskInfo(env_id, probe.observation_space, probe.action_space, config.num_envs, steps)
    return algorithm(config, info, SeedStreams(seeds), Device())


# -- known answers ---------------------------------------------------------------------------------------------------
FAST = {
    "ppo": ppo(num_envs=4, horizon=16, batch=32, epochs=4, lr=5e-3, gamma=GAMMA, entropy_weight=0.0),
    "a2c": a2c(num_envs=4, lr=5e-3, gamma=GAMMA, entropy_weight=0.0),
    "a2c, shared, Adam": a2c(num_envs=4, lr=5e-3, gamma=GAMMA, optimizer="adam", shared=True, lam=0.9, entropy_weight=0.0),
    "reinforce": reinforce(lr=1e-2, value_lr=1e-2, gamma=GAMMA, value_steps=4),
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
    algorithm, config = reinforce(lr=1e-2, gamma=GAMMA, baseline=False)
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
    config = replace(config, lr=1e-2, lr_schedule="linear")
    agent = play(algorithm, config, CONSTANT, [0, 1], 2_000, kwargs={"how": how}).algorithm
    obs = torch.ones(2, 1, 2)
    features = agent.actor.features(agent.params[0], obs) if getattr(config, "shared", False) else obs
    assert agent.critic(agent.params[1], features).detach().ravel() == pytest.approx([value] * 2, abs=0.05)


@pytest.mark.slow
@fast
def test_the_target_is_hit_in_bounds_that_are_not_symmetric(case):
    algorithm, config = case
    config = replace(config, log_std_init=-0.5, lr=1e-2 if algorithm is Reinforce else 5e-3)
    played = play(algorithm, config, TARGET, [0, 1, 2], 6_000)
    agent = played.algorithm
    found = agent.act(np.ones((3, 1, 2), np.float32))
    assert np.abs((found - Target.best) / (Target.high - Target.low)).max() < 0.1


# -- gradients by hand -----------------------------------------------------------------------------------------------
def test_reinforces_gradient_on_a_two_armed_bandit_is_the_hand_computed_one():
    """∂/∂logit of the mean of R·log π(a): (1/n) Σ R_i (1[a_i = arm] − π(arm))."""
    more = {"num_envs": 3, "horizon": 1, "memory": 1, "baseline": False, "normalize_return": False}
    agent = built(*reinforce(hidden=(), **more), BANDIT, {"actions": 2})
    agent.params[0].zero_()
    bias = agent.params[0][0, 16:18]  # one input: 16 weights, then the biases of the two logits
    bias.copy_(torch.tensor([0.0, math.log(3)]))  # π = (1/4, 3/4)
    reward, action = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 1])
    expected = sum(
        r * (np.eye(2)[a] - [0.25, 0.75]) for r, a in zip(reward.tolist(), action.tolist())
    ) / 3  # fmt: skip
    seen = []
    agent.optimizer.apply = lambda params, grads, on: seen.append(grads[0])
    agent.config = replace(agent.config, max_grad_norm=1e9)
    on, mask = torch.ones(1, dtype=torch.bool), torch.ones(1, 3)
    agent.update(agent.params, on, mask, torch.ones(1, 3, 1), action.view(1, 3), reward.view(1, 3))
    assert -seen[0][0, 16:18] == pytest.approx(expected, abs=1e-6)


def window_of(agent, episodes):
    """A reinforce window [1, T, 1] of one environment: (rewards, how it ends), the last open if `how` is None."""
    reward, terminated, cut = [], [], []
    for rewards, how in episodes:
        for i, r in enumerate(rewards):
            last = i == len(rewards) - 1 and how is not None
            reward.append(r)
            terminated.append(last and how == "terminated")
            cut.append(last)
    size, obs = len(reward), agent.task.observation_space.shape[0]
    column = torch.arange(size, dtype=torch.float32).view(1, size, 1)
    return {
        "obs": column.unsqueeze(-1).expand(1, size, 1, obs),
        "next_obs": column.unsqueeze(-1).expand(1, size, 1, obs) + 1,
        "action": torch.zeros(1, size, 1, dtype=torch.int64),
        "reward": torch.tensor(reward).view(1, size, 1),
        "terminated": torch.tensor(terminated).view(1, size, 1),
        "cut": torch.tensor(cut).view(1, size, 1),
    }


INTERACTION = SimpleNamespace(steps=0, budget=SimpleNamespace(steps=1_000))
ALIVE = SimpleNamespace(active=torch.ones(1, dtype=torch.bool))


def weights_and_targets(agent, window):
    """What reinforce weighs log-probabilities by, what it fits the baseline to, and which steps count."""
    seen = {}
    agent.window = {name: x.numpy() for name, x in window.items()}
    agent.window["fresh"] = np.ones(window["cut"].shape, bool)
    loss, value_loss = agent.loss, agent.value_loss

    def spy(actor, obs, action, weight, mask):
        seen["weight"], seen["mask"] = weight.detach().clone(), mask
        return loss(actor, obs, action, weight, mask)

    def value_spy(critic, obs, target, mask):
        seen.setdefault("target", target.detach().clone())
        return value_loss(critic, obs, target, mask)

    agent.loss, agent.value_loss = spy, value_spy
    agent.learn(INTERACTION, ALIVE)
    return {name: x[0] for name, x in seen.items()}


def test_reinforce_fits_the_baseline_to_returns_as_they_are():
    """Not to the normalised ones that weigh the log-probabilities; a cut episode goes on with the baseline's estimate."""
    agent = built(*reinforce(num_envs=1, horizon=5, memory=5, hidden=(), gamma=0.5), BANDIT, {"actions": 2})
    agent.params[1].zero_()
    agent.params[1][0, 0] = 2.0  # V(s) = 2s
    window = window_of(agent, [((1.0, 2.0), "terminated"), ((4.0, 8.0), "truncated"), ((3.0,), None)])
    found = weights_and_targets(agent, window)
    assert found["mask"].tolist() == [1, 1, 1, 1, 0]
    returns = np.array([1 + 0.5 * 2, 2.0, 4 + 0.5 * (8 + 0.5 * 8), 8 + 0.5 * 8])  # V(s₄) = 8
    advantage = returns - 2 * np.arange(4)
    assert found["target"][:4] == pytest.approx(returns)
    assert found["weight"][:4] == pytest.approx((advantage - advantage.mean()) / advantage.std(), abs=1e-5)


def test_reinforce_learns_from_each_step_of_a_whole_episode_once():
    """Steps wait until their episode is over, are learned from in the update after it, and never again."""
    algorithm, config = reinforce(num_envs=2, horizon=5, memory=50, episodes=2)
    seen = []

    class Watched(algorithm):
        def learn(self, interaction, env):
            before = self.window["fresh"].copy()
            super().learn(interaction, env)
            used = before & ~self.window["fresh"]
            seen.append((used[0], self.window["cut"][0].copy(), interaction.steps))

    played = play(Watched, config, SHAPES, [0], 400, kwargs={"end": 0.05})
    lengths = {
        rank: [e.length for e in played.sink.episodes if e.rank == rank] for rank in range(2)
    }  # fmt: skip
    learned = sum(used.sum() for used, _, _ in seen)
    waiting = played.learned["window.fresh"].sum()
    assert learned + waiting == 400  # nothing twice, nothing lost
    assert learned <= sum(map(sum, lengths.values()))
    for used, cut, _ in seen:
        for rank in range(2):
            rows = used[:, rank].nonzero()[0]
            if len(rows):
                assert cut[rows[-1], rank]  # up to the end of an episode
                assert (np.diff(rows) == 1).all()


def test_reinforce_waits_for_enough_episodes_but_loses_none_to_its_memory():
    algorithm, config = reinforce(num_envs=1, horizon=4, memory=8, episodes=10_000)
    played = play(algorithm, config, CONSTANT, [0], 80, kwargs={"length": 2, "how": "terminated"})
    assert played.algorithm.optimizer.step.tolist() == [
        10
    ]  # at every second of 20 looks: what has ended is about to go
    assert not played.learned["window.fresh"].any()
    algorithm, config = reinforce(num_envs=1, horizon=4, memory=64, episodes=6)
    played = play(algorithm, config, CONSTANT, [0], 80, kwargs={"length": 2, "how": "terminated"})
    assert played.algorithm.optimizer.step.tolist() == [80 // 12]


@pytest.mark.parametrize(
    ("lam", "expected"),
    [
        (1.0, [1 + 0.5 * 2, 2.0, 4 + 0.5 * (8 + 0.5 * 8), 8 + 0.5 * 8]),  # r + γr' + … + γᵏV(s⁽ᵏ⁾)
        (0.0, [1 + 0.5 * 2, 2.0, 4 + 0.5 * 6, 8 + 0.5 * 8]),  # r + γV(s')
    ],
)
def test_a2cs_targets_are_n_step_or_one_step_returns(lam, expected):
    """Cut at the rollout's end and at the episode's; V(s) = 2s."""
    algorithm, config = a2c(num_envs=1, horizon=4, hidden=(), gamma=0.5, lam=lam)
    agent = built(algorithm, config, BANDIT, {"actions": 2})
    agent.params[1].zero_()
    agent.params[1][0, 0] = 2.0
    window = window_of(agent, [((1.0, 2.0), "terminated"), ((4.0, 8.0), None)])
    seen, loss = {}, agent.loss

    def spy(actor, critic, obs, action, advantage, target):
        seen["target"] = target.detach().clone()
        return loss(actor, critic, obs, action, advantage, target)

    agent.loss = spy
    agent.rollout = SimpleNamespace(tensors=lambda: window)
    agent.learn(INTERACTION, ALIVE)
    assert seen["target"][0] == pytest.approx(expected)


@pytest.mark.parametrize("env", [(BANDIT, {}), (TARGET, {})], ids=["discrete", "continuous"])
def test_before_the_first_update_every_ratio_is_one(env):
    """What is stored is the action that was drawn, before it was clipped to its bounds, and its log-probability."""
    env_id, kwargs = env
    agent = play(*ppo(lr=1e-30), env_id, [0, 1], 64, kwargs=kwargs).algorithm
    r = {name: x.flatten(1, 2) for name, x in agent.rollout.tensors().items()}
    log_prob = agent.dist.log_prob(*agent.actor(agent.params[0], r["obs"]), r["action"])
    assert torch.allclose(log_prob, r["log_prob"], atol=1e-6)
    if env_id == TARGET:
        assert (r["action"] < torch.from_numpy(Target.low)).any()


@both(("ppo", "a2c", "reinforce"))
def test_successors_are_normalised_as_observations_are(make):
    """Late in a run the statistics hardly move: a successor is then what is acted on next."""
    more = {"horizon": 50, "num_envs": 2} | (
        {"batch": 50} if make is ppo else {"memory": 50} if make is reinforce else {}
    )
    agent = play(*make(normalize_obs=True, **more), "Pendulum-v1", [0], 1_000).algorithm
    kept = agent.window if make is reinforce else {name: x.numpy() for name, x in agent.rollout.tensors().items()}
    going = ~kept["cut"][0, :-1]
    assert kept["next_obs"][0, :-1][going] == pytest.approx(kept["obs"][0, 1:][going], abs=0.05)
    assert np.abs(kept["obs"]).max() < 5  # an angular velocity goes up to 8


@both()
def test_an_entropy_bonus_keeps_the_policy_open(make):
    """Where every action is worth the same, a bonus spreads a policy that was peaked; without one nothing does."""
    algorithm, config = make(entropy_weight=1.0, lr=1e-2, hidden=())
    agent = built(algorithm, config, CONSTANT, {})
    agent.params[0].zero_()
    obs, action = torch.ones(1, 64, 2), torch.zeros(1, 64, dtype=torch.int64)
    agent.params[0][0, 32] = 2.0  # the bias of the first logit
    before = agent.dist.entropy(*agent.actor(agent.params[0], obs)).mean()
    zero, one = torch.zeros(1, 64), torch.ones(1, 64)
    columns = {PPO: (zero, zero, zero, zero), A2C: (zero, zero), Reinforce: (zero, one)}[algorithm]  # nothing to gain
    params = agent.params[:1] if algorithm is Reinforce else agent.params
    for _ in range(20):
        _, grads = value_and_grad(agent.loss, params, obs, action, *columns)
        agent.optimizer.apply(params, grads, torch.ones(1, dtype=torch.bool))
    assert agent.dist.entropy(*agent.actor(agent.params[0], obs)).mean() > before + 0.05


# -- one update of PPO against an independent one ---------------------------------------------------------------------
def torch_module(mlp, row):
    """nn.Linear layers from one seed's row."""
    layers, parts = [], row[: mlp.size].split(mlp._sizes)
    for i, (a, b) in enumerate(mlp.layers):
        linear = nn.Linear(a, b)
        linear.weight.data, linear.bias.data = parts[2 * i].view(a, -1)[:, :b].T.clone(), parts[2 * i + 1][:b].clone()
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("kwargs", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@pytest.mark.parametrize("value_clip", [0.0, 0.1])
def test_one_update_of_ppo_is_that_of_a_plain_one_seed_implementation(kwargs, value_clip):
    more = {"value_clip": value_clip, "entropy_weight": 0.03, "value_weight": 0.7, "log_std_init": -0.4, "lr": 1e-2}
    agent = built(*ppo(hidden=(20,), max_grad_norm=0.3, **more), SHAPES, {"obs": 5, **kwargs}, seeds=(4, 5))
    generator = torch.Generator().manual_seed(1)
    discrete = "actions" in kwargs
    obs = torch.randn(2, 16, 5, generator=generator)
    action = torch.randint(3, (2, 16), generator=generator) if discrete else torch.randn(2, 16, 3, generator=generator)
    now = agent.dist.log_prob(*agent.actor(agent.params[0], obs), action)
    old = now + 0.4 * torch.randn(2, 16, generator=generator)  # ratios on both sides of the clip
    advantage, target = torch.randn(2, 2, 16, generator=generator)
    before = agent.critic(agent.params[1], obs).squeeze(-1) + 0.2 * torch.randn(2, 16, generator=generator)
    peers = []
    for s in range(2):
        actor, critic = (
            torch_module(agent.actor._whole, agent.params[0][s]),
            torch_module(agent.critic, agent.params[1][s]),
        )
        log_std = nn.Parameter(torch.full((3,), -0.4))
        weights = [*actor.parameters(), *critic.parameters(), *([] if discrete else [log_std])]
        optimizer = torch.optim.Adam(weights, 1e-2, eps=1e-5)
        if discrete:
            dist = torch.distributions.Categorical(logits=actor(obs[s]))
        else:
            dist = torch.distributions.Independent(torch.distributions.Normal(actor(obs[s]), log_std.exp()), 1)
        adv = (advantage[s] - advantage[s].mean()) / (advantage[s].std(correction=0) + 1e-8)
        ratio = torch.exp(dist.log_prob(action[s]) - old[s])
        policy_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 0.8, 1.2)).mean()
        value = critic(obs[s]).squeeze(-1)
        value_loss = (value - target[s]) ** 2
        if value_clip:
            clipped = before[s] + torch.clamp(value - before[s], -value_clip, value_clip)
            value_loss = torch.max(value_loss, (clipped - target[s]) ** 2)
        loss = policy_loss + 0.7 * 0.5 * value_loss.mean() - 0.03 * dist.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 0.3)
        optimizer.step()
        peers.append((actor, critic, log_std))
    on = torch.ones(2, dtype=torch.bool)
    grads, _ = agent.gradient(agent.params, on, obs, action, old, advantage, target, before)
    agent.optimizer.apply(agent.params, grads, on)
    for s, (actor, critic, log_std) in enumerate(peers):
        outputs, extra = agent.actor(agent.params[0], obs)
        assert torch.allclose(outputs[s], actor(obs[s]), atol=2e-5)
        assert torch.allclose(agent.critic(agent.params[1], obs)[s], critic(obs[s]), atol=2e-5)
        if not discrete:
            assert torch.allclose(extra[s, :3], log_std, atol=1e-5)


def test_a_shared_network_learns_from_both_losses():
    for make, more in ((ppo, 4), (a2c, 2)):
        algorithm, config = make(shared=True, entropy_weight=0.0)
        agent = built(algorithm, config, SHAPES, {"obs": 5, "actions": 3})
        obs, action, zero = torch.ones(1, 16, 5), torch.zeros(1, 16, dtype=torch.int64), torch.zeros(1, 16)
        columns = [zero, zero, zero + 3, zero] if more == 4 else [zero, zero + 3]  # no advantage, a value to learn
        _, (actor, critic) = value_and_grad(agent.loss, agent.params, obs, action, *columns)
        body = agent.actor._sizes[0]
        assert actor[:, :body].abs().sum() > 0 and critic.abs().sum() > 0
        assert actor[:, body:].abs().sum() == 0  # the policy's own layer has nothing to learn


# -- the target KL ---------------------------------------------------------------------------------------------------
def test_a_seed_that_has_passed_its_target_kl_rests_until_the_next_rollout():
    """Its stack-mate goes on, and the permutations that are drawn do not become fewer."""
    limits, same = (1e9, 1e-3, 0.0), {"num_envs": 1, "horizon": 32, "batch": 8, "epochs": 6, "lr": 3e-3}
    configs = [ppo(**same, lr_schedule="constant", target_kl=limit) for limit in limits]
    free, held, plain = (play(*x, SHAPES, [0, 1], 32, kwargs={"actions": 3}) for x in configs)
    assert free.learned["optimizer.step"].tolist() == [24, 24] == plain.learned["optimizer.step"].tolist()
    assert all((free.learned[name] == plain.learned[name]).all() for name in free.learned)
    steps = held.learned["optimizer.step"]
    assert (steps >= 1).all() and (steps < 24).all()
    states = [p.algorithm.streams.state(0)["generators"]["order"] for p in (free, held)]
    assert states[0] == states[1]


def test_a_seed_rests_after_one_minibatch_too_far_and_its_stack_mate_does_not():
    algorithm, config = ppo(num_envs=1, horizon=32, batch=8, epochs=3, target_kl=0.5)

    class Scripted(algorithm):
        """The first seed is too far at the third minibatch alone."""

        asked = 0

        def divergence(self, *minibatch):
            self.asked += 1
            return torch.tensor([1.0 if self.asked == 3 else 0.0, 0.0])

    played = play(Scripted, config, SHAPES, [0, 1], 64, kwargs={"actions": 3})
    assert played.learned["optimizer.step"].tolist() == [2 + 12, 12 + 12]  # the next rollout begins anew


def test_the_divergence_is_that_of_two_known_policies():
    agent = built(*ppo(hidden=()), BANDIT, {"actions": 2})
    agent.params[0].zero_()
    agent.params[0][0, 17] = math.log(3)  # π = (1/4, 3/4) where (1/2, 1/2) acted
    action = torch.tensor([[0, 1] * 50])
    found = agent.divergence(agent.params[0], torch.ones(1, 100, 1), action, torch.full((1, 100), math.log(0.5)))
    assert found.item() == pytest.approx(0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75), abs=1e-6)


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
    "a2c CartPole-v1": A2C.Config(num_envs=8, entropy_weight=0.0),
    "a2c Acrobot-v1, MountainCar-v0": A2C.Config(num_envs=16, entropy_weight=0.0, **NORMALIZED),
    "a2c Pendulum-v1, less gSDE": A2C.Config(
        num_envs=8, horizon=8, lam=0.9, value_weight=0.4, gamma=0.9, lr=7e-4, lr_schedule="linear", log_std_init=-2.0, **NORMALIZED
    ),
    "a2c MountainCarContinuous-v0, less gSDE": A2C.Config(num_envs=4, horizon=100, log_std_init=0.0, **NORMALIZED),
    "ppo CartPole-v1": PPO.Config(
        num_envs=8, horizon=32, batch=256, lam=0.8, gamma=0.98, epochs=20, lr=1e-3, clip=0.2, clip_schedule="linear"
    ),
    "ppo Acrobot-v1": PPO.Config(num_envs=16, horizon=256, lam=0.94, epochs=4, lr_schedule="constant", **NORMALIZED),
    "ppo MountainCar-v0": PPO.Config(num_envs=16, horizon=16, lam=0.98, epochs=4, lr_schedule="constant", **NORMALIZED),
    "ppo Pendulum-v1, less gSDE": PPO.Config(num_envs=4, horizon=1024, gamma=0.9, lr=1e-3, lr_schedule="constant"),
    "ppo MountainCarContinuous-v0, less gSDE": PPO.Config(
        num_envs=1, horizon=8, batch=8, gamma=0.9999, lr=7.77e-5, lr_schedule="constant", entropy_weight=0.00429, clip=0.1,
        lam=0.9, max_grad_norm=5.0, value_weight=0.38, log_std_init=-3.29, **NORMALIZED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ZOO.items(), ids=ZOO.keys())
def test_the_zoos_settings_can_be_said_and_run(row):
    name, config = row
    algorithm = A2C if name.startswith("a2c") else PPO
    env_id = name.split(" ")[1].strip(",")
    steps = 2 * config.num_envs * config.horizon
    config = replace(config, epochs=1) if algorithm is PPO else config
    assert play(algorithm, config, env_id, [0], steps, final_episodes=1).outcome.diverged_at == {}
