"""The on-policy algorithms' updates: hand-computed gradients, a peer's update, the target KL."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rlbench_a2c.a2c import A2C
from rlbench_ppo.ppo import PPO
from rlbench_reinforce.reinforce import Reinforce
from support.on_policy_updates import a2c, both, built, ppo, reinforce
from support.one_update import at_step_0
from support.torch_modules import module_of
from torch import nn

from rlbench.kit import value_and_grad
from rlbench.testing import play
from rlbench.testing.fakes import BANDIT, CONSTANT, SHAPES, TARGET, Target

INTERACTION = at_step_0(np.ones(1, bool))


# -- gradients by hand -----------------------------------------------------------------------------------------------
def test_reinforces_gradient_on_a_two_armed_bandit_is_the_hand_computed_one():
    """∂/∂logit of the mean of R·log π(a): (1/n) Σ R_i (1[a_i = arm] − π(arm))."""
    more = {"n_envs": 3, "n_steps": 1, "memory": 1, "baseline": False, "normalize_return": False}
    agent = built(*reinforce(net_arch=(), **more), BANDIT, {"actions": 2})
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
    window = {name: np.zeros((1, 1, 3), bool) for name in ("terminated",)}
    window |= {name: np.ones((1, 1, 3), bool) for name in ("cut", "fresh")}
    window |= {name: np.ones((1, 1, 3, 1), np.float32) for name in ("obs", "next_obs")}
    agent.window = window | {"action": action.numpy().reshape(1, 1, 3), "reward": reward.numpy().reshape(1, 1, 3)}
    agent.learn(INTERACTION)
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


def weights_and_targets(agent, window):
    """What reinforce weighs log-probabilities by, what it fits the baseline to, and which steps count."""
    seen = {}
    agent.window = {name: x.numpy() for name, x in window.items()}
    agent.window["fresh"] = np.ones(window["cut"].shape, bool)
    advantage, value_gradient = agent.advantage, agent.value_gradient

    def spy(critic, obs, returns, mask):
        seen["weight"], seen["mask"] = advantage(critic, obs, returns, mask), mask
        return seen["weight"]

    def value_spy(params, mask, obs, returns):
        seen.setdefault("target", returns.clone())
        return value_gradient(params, mask, obs, returns)

    agent.advantage, agent.value_gradient = spy, value_spy
    agent.learn(INTERACTION)
    return {name: x[0] for name, x in seen.items()}


def test_reinforce_fits_the_baseline_to_returns_as_they_are():
    """Not to the normalised ones that weigh the log-probabilities; a cut episode goes on with the baseline's estimate."""
    agent = built(*reinforce(n_envs=1, n_steps=5, memory=5, net_arch=(), gamma=0.5), BANDIT, {"actions": 2})
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
    algorithm, config = reinforce(n_envs=2, n_steps=5, memory=50, episodes=2)
    seen = []

    class Watched(algorithm):
        def learn(self, interaction):
            before = self.window["fresh"].copy()
            super().learn(interaction)
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
    algorithm, config = reinforce(n_envs=1, n_steps=4, memory=8, episodes=10_000)
    played = play(algorithm, config, CONSTANT, [0], 80, kwargs={"length": 2, "how": "terminated"})
    assert played.algorithm.optimizer.step.tolist() == [
        10
    ]  # at every second of 20 looks: what has ended is about to go
    assert not played.learned["window.fresh"].any()
    algorithm, config = reinforce(n_envs=1, n_steps=4, memory=64, episodes=6)
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
    algorithm, config = a2c(n_envs=1, n_steps=4, net_arch=(), gamma=0.5, gae_lambda=lam)
    agent = built(algorithm, config, BANDIT, {"actions": 2})
    agent.params[1].zero_()
    agent.params[1][0, 0] = 2.0
    window = window_of(agent, [((1.0, 2.0), "terminated"), ((4.0, 8.0), None)])
    seen, gradient = {}, agent.gradient

    def spy(params, obs, action, advantage, returns):
        seen["target"] = returns.clone()
        return gradient(params, obs, action, advantage, returns)

    agent.gradient = spy
    agent.rollout = SimpleNamespace(tensors=lambda: window)
    agent.learn(INTERACTION)
    assert seen["target"][0] == pytest.approx(expected)


@pytest.mark.parametrize("env", [(BANDIT, {}), (TARGET, {})], ids=["discrete", "continuous"])
def test_before_the_first_update_every_ratio_is_one(env):
    """What is stored is the action that was drawn, before it was clipped to its bounds, and its log-probability."""
    env_id, kwargs = env
    agent = play(*ppo(learning_rate=1e-30), env_id, [0, 1], 64, kwargs=kwargs).algorithm
    r = {name: x.flatten(1, 2) for name, x in agent.rollout.tensors().items()}
    log_prob = agent.dist.log_prob(*agent.actor(agent.params[0], r["obs"]), r["action"])
    assert torch.allclose(log_prob, r["log_prob"], atol=1e-6)
    if env_id == TARGET:
        assert (r["action"] < torch.from_numpy(Target.low)).any()


@both(("ppo", "a2c"))
def test_shared_layers_value_each_state_as_it_is_acted_in(make):
    """The values that come with the actions are those of the states that are stored, and no others are stored."""
    agent = play(*make(shared=True, learning_rate=1e-30), SHAPES, [0, 1], 64).algorithm
    r = agent.rollout.tensors()
    again = agent.value(*agent.params, r["obs"])
    assert torch.allclose(r["value"], again, atol=1e-6) and again.abs().max() > 1e-3
    assert "value" not in play(*make(), SHAPES, [0], 64).algorithm.rollout.tensors()


@both(("ppo", "a2c", "reinforce"))
def test_successors_are_normalised_as_observations_are(make):
    """Late in a run the statistics hardly move: a successor is then what is acted on next."""
    more = {"n_steps": 50, "n_envs": 2} | (
        {"batch_size": 50} if make is ppo else {"memory": 50} if make is reinforce else {}
    )
    agent = play(*make(normalize_obs=True, **more), "Pendulum-v1", [0], 1_000).algorithm
    kept = agent.window if make is reinforce else {name: x.numpy() for name, x in agent.rollout.tensors().items()}
    going = ~kept["cut"][0, :-1]
    assert kept["next_obs"][0, :-1][going] == pytest.approx(kept["obs"][0, 1:][going], abs=0.05)
    assert np.abs(kept["obs"]).max() < 5  # an angular velocity goes up to 8


@both()
def test_an_entropy_bonus_keeps_the_policy_open(make):
    """Where every action is worth the same, a bonus spreads a policy that was peaked; without one nothing does."""
    algorithm, config = make(ent_coef=1.0, learning_rate=1e-2, net_arch=())
    agent = built(algorithm, config, CONSTANT, {})
    agent.params[0].zero_()
    obs, action = torch.ones(1, 64, 2), torch.zeros(1, 64, dtype=torch.int64)
    agent.params[0][0, 32] = 2.0  # the bias of the first logit
    before = agent.dist.entropy(*agent.actor(agent.params[0], obs)).mean()
    zero, one = torch.zeros(1, 64), torch.ones(1, 64)
    given = {  # nothing to gain
        PPO: (agent.params, obs, action, zero, zero, zero, zero),
        A2C: (agent.params, obs, action, zero, zero),
        Reinforce: (agent.params[:1], agent.params[1], one, obs, action, zero),
    }[algorithm]
    loss, params = agent.policy_loss if algorithm is Reinforce else agent.loss, given[0]
    for _ in range(20):
        _, grads = value_and_grad(loss, *given)
        agent.optimizer.apply(params, grads, torch.ones(1, dtype=torch.bool))
    assert agent.dist.entropy(*agent.actor(agent.params[0], obs)).mean() > before + 0.05


# -- one update of PPO against an independent one ---------------------------------------------------------------------
@pytest.mark.parametrize("kwargs", [{"actions": 3}, {"dims": 3}], ids=["discrete", "continuous"])
@pytest.mark.parametrize("value_clip", [None, 0.1])
def test_one_update_of_ppo_is_that_of_a_plain_one_seed_implementation(kwargs, value_clip):
    more = {"clip_range_vf": value_clip, "ent_coef": 0.03, "vf_coef": 0.35, "log_std_init": -0.4, "learning_rate": 1e-2}
    agent = built(*ppo(net_arch=(20,), max_grad_norm=0.3, **more), SHAPES, {"obs": 5, **kwargs}, seeds=(4, 5))
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
            module_of(agent.actor._network, agent.params[0][s]),
            module_of(agent.critic, agent.params[1][s]),
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
        if value_clip:
            value = before[s] + torch.clamp(value - before[s], -value_clip, value_clip)
        loss = policy_loss + 0.35 * ((value - target[s]) ** 2).mean() - 0.03 * dist.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 0.3)
        optimizer.step()
        peers.append((actor, critic, log_std))
    on = torch.ones(2, dtype=torch.bool)
    grads, _ = agent.gradient(agent.params, obs, action, old, advantage, target, before)
    agent.optimizer.apply(agent.params, grads, on)
    for s, (actor, critic, log_std) in enumerate(peers):
        outputs, extra = agent.actor(agent.params[0], obs)
        assert torch.allclose(outputs[s], actor(obs[s]), atol=2e-5)
        assert torch.allclose(agent.critic(agent.params[1], obs)[s], critic(obs[s]), atol=2e-5)
        if not discrete:
            assert torch.allclose(extra[s, :3], log_std, atol=1e-5)


def test_a_shared_network_learns_from_both_losses():
    for make, more in ((ppo, 4), (a2c, 2)):
        algorithm, config = make(shared=True, ent_coef=0.0)
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
    limits, same = (
        (1e9, 1e-3, None),
        {"n_envs": 1, "n_steps": 32, "batch_size": 8, "n_epochs": 6, "learning_rate": 3e-3},
    )
    configs = [ppo(**same, target_kl=limit) for limit in limits]
    free, held, plain = (play(*x, SHAPES, [0, 1], 32, kwargs={"actions": 3}) for x in configs)
    assert free.learned["optimizer.step"].tolist() == [24, 24] == plain.learned["optimizer.step"].tolist()
    assert all((free.learned[name] == plain.learned[name]).all() for name in free.learned)
    steps = held.learned["optimizer.step"]
    assert (steps >= 1).all() and (steps < 24).all()
    states = [p.algorithm.streams.state(0)["generators"]["order"] for p in (free, held)]
    assert states[0] == states[1]


def test_a_seed_rests_after_one_minibatch_too_far_and_its_stack_mate_does_not():
    algorithm, config = ppo(n_envs=1, n_steps=32, batch_size=8, n_epochs=3, target_kl=0.5)

    class Scripted(algorithm):
        """The first seed is too far, by 1.5 times the target, at the third minibatch alone."""

        asked = 0

        def loss(self, *given):
            self.asked += 1
            loss, found = super().loss(*given)
            return loss, lambda: {**found(), "approx_kl": torch.tensor([0.76 if self.asked == 3 else 0.0, 0.74])}

    played = play(Scripted, config, SHAPES, [0, 1], 64, kwargs={"actions": 3})
    assert played.learned["optimizer.step"].tolist() == [2 + 12, 12 + 12]  # the next rollout begins anew


def test_the_divergence_is_that_of_two_known_policies():
    agent = built(*ppo(net_arch=()), BANDIT, {"actions": 2})
    agent.params[0].zero_()
    agent.params[0][0, 17] = math.log(3)  # π = (1/4, 3/4) where (1/2, 1/2) acted
    action = torch.tensor([[0, 1] * 50])
    obs, old, zero = torch.ones(1, 100, 1), torch.full((1, 100), math.log(0.5)), torch.zeros(1, 100)
    _, found = agent.loss(*agent.params, obs, action, old, zero, zero, zero)
    assert found()["approx_kl"].item() == pytest.approx(
        0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75), abs=1e-6
    )
