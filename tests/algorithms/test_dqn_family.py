"""dueling_dqn and per_dqn: known answers, torch's own modules, and the promises every algorithm makes."""

import math
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from rlbench_dueling_dqn.dueling_dqn import DuelingDQN
from rlbench_per_dqn.per_dqn import PERDQN
from support.one_update import at_step_0, learn_from
from torch import nn

from rlbench import Device, SeedStreams, TaskInfo
from rlbench.kit import Batch, decay
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import CONSTANT, FORK, SHAPES

FAMILY = [DuelingDQN, PERDQN]
GAMMA = 0.5


class Lottery(gymnasium.Env):
    """Episodes of one step whose reward is 1 once in ten times, else 0: every value is 0.1."""

    observation_space, action_space = Box(0, 1, (1,), np.float32), Discrete(1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(1, np.float32), {}

    def step(self, action):
        return np.ones(1, np.float32), float(self.np_random.random() < 0.1), True, False, {}


gymnasium.register("rlbench-tests/Lottery-v0", Lottery)


def small(algorithm, **more):
    return algorithm.Config(
        **{"net_arch": (32,), "learning_starts": 30, "buffer_size": 110, "target_update_interval": 7, **more}
    )


def untrained(algorithm, seeds=(3, 7), obs=5, actions=3, steps=1000, **more):
    """An agent before its first step, its target another network than its online one."""
    space = Box(-np.inf, np.inf, (obs,), np.float32)
    config, task = small(algorithm, **more), TaskInfo("none", space, Discrete(actions), 1, steps)
    agent, other = (algorithm(config, task, SeedStreams(s), Device()) for s in (seeds, [s + 100 for s in seeds]))
    agent.target.copy_(other.online)
    return agent


def random_batch(obs=5, actions=3, batch=9, seeds=2):
    g = torch.Generator().manual_seed(1)
    return Batch(
        obs=torch.randn(seeds, batch, obs, generator=g),
        action=torch.randint(actions, (seeds, batch), generator=g),
        reward=3 * torch.randn(seeds, batch, generator=g),
        next_obs=torch.randn(seeds, batch, obs, generator=g),
        discount=0.9 * (torch.rand(seeds, batch, generator=g) < 0.7),
    )


WEIGHT = torch.rand(2, 9, generator=torch.Generator().manual_seed(2))


def learn_once(agent, batch, active=None):
    """One update on `batch`. Returns: per_dqn's errors."""
    if isinstance(agent, DuelingDQN):
        return learn_from(agent, batch, active)
    errors, given = [], {**batch._asdict(), "weight": WEIGHT}
    update = lambda index, error, active: errors.append(torch.from_numpy(error))  # noqa: E731
    agent.replay = SimpleNamespace(sample=lambda uniform, beta: (None, dict(given)), update=update)
    agent.learn(at_step_0(np.ones(2, bool) if active is None else active.numpy()))
    return errors[0]


def linears(dims, row):
    """nn.Linear layers from one network's part of a parameter row, columns padded to 16; and what is left of the row."""
    layers = []
    for a, b in zip(dims, dims[1:]):
        width, linear = -(-b // 16) * 16, nn.Linear(a, b)
        weight, bias, row = row[: a * width], row[a * width : a * width + width], row[a * width + width :]
        linear.weight.data, linear.bias.data = weight.view(a, width)[:, :b].T.clone(), bias[:b].clone()
        layers.append(linear)
    return layers, row


class Dueling(nn.Module):
    """The network of Wang et al. 2016, written with torch's modules; `factor` on the gradient into the shared layers."""

    def __init__(self, row, factor=1.0, dims=(5, 32, 16, 3)):
        super().__init__()
        obs, hidden, stream, actions = dims
        (first,), row = linears((obs, hidden), row)
        (v1, v2), row = linears((hidden, stream, 1), row)
        (a1, a2), row = linears((hidden, stream, actions), row)
        assert len(row) == 0
        self.shared = nn.Sequential(first, nn.ReLU())
        self.value, self.advantage = nn.Sequential(v1, nn.ReLU(), v2), nn.Sequential(a1, nn.ReLU(), a2)
        self.factor = factor

    def forward(self, obs):
        features = self.shared(obs)
        if features.requires_grad:
            features.register_hook(lambda grad: self.factor * grad)
        advantage = self.advantage(features)
        return self.value(features) + advantage - advantage.mean(-1, keepdim=True)


def plain(row, dims=(5, 32, 3)):
    (first, second), rest = linears(dims, row)
    assert len(rest) == 0
    return nn.Sequential(first, nn.ReLU(), second)


class Recorder:
    """Stands in for the optimizer and keeps the gradients it was given."""

    def set_lr(self, lr): ...

    def apply(self, params, grads, active):
        (self.grad,) = grads


def gradient_of(agent, batch):
    agent.optimizer = Recorder()
    learn_once(agent, batch)
    return agent.optimizer.grad


def pack_gradient(layers):
    """The gradients of nn.Linear layers in the layout of a parameter row."""
    parts = []
    for linear in layers:
        pad = -linear.out_features % 16
        parts += [
            nn.functional.pad(linear.weight.grad.T, (0, pad)).ravel(),
            nn.functional.pad(linear.bias.grad, (0, pad)),
        ]
    return torch.cat(parts)


def double_goal(online, target, batch, s):
    with torch.no_grad():
        chosen = online(batch.next_obs[s]).argmax(-1)
        assert online is target or (chosen != target(batch.next_obs[s]).argmax(-1)).any()  # or it tells nothing
        value = target(batch.next_obs[s])[torch.arange(len(chosen)), chosen]
    return batch.reward[s] + batch.discount[s] * value


# -- the promises ------------------------------------------------------------------------------------------------
CASES = {
    "dueling, 1 action, batch 1": (DuelingDQN, {"batch_size": 1}, 1, 120),
    "dueling, 3 actions, batch 33, N 3": (DuelingDQN, {"batch_size": 33, "n_envs": 3, "learning_starts": 33}, 3, 180),
    "dueling, 6 actions, batch 100, n-step": (
        DuelingDQN,
        {"batch_size": 100, "multi_step_returns": 3, "double": False},
        6,
        120,
    ),
    "dueling, 128-128-128, mse, soft targets": (
        DuelingDQN,
        {"batch_size": 33, "net_arch": (128, 128), "loss": "mse", "tau": 0.1},
        3,
        90,
    ),
    "dueling, streams of 100, tanh": (
        DuelingDQN,
        {"stream_hidden": 100, "activation_fn": "tanh", "batch_size": 1},
        6,
        90,
    ),
    "per, 1 action, batch 1": (PERDQN, {"batch_size": 1}, 1, 120),
    "per, 3 actions, batch 33, N 3": (PERDQN, {"batch_size": 33, "n_envs": 3, "learning_starts": 33}, 3, 180),
    "per, 6 actions, batch 100, n-step": (
        PERDQN,
        {"batch_size": 100, "multi_step_returns": 3, "prioritized_replay_alpha": 0.7},
        6,
        120,
    ),
    "per, 128-128, mse, soft targets": (
        PERDQN,
        {"batch_size": 33, "net_arch": (128, 128), "loss": "mse", "tau": 0.1, "prioritized_replay_alpha": 1.0},
        3,
        90,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_run_does_not_depend_on_its_stack_mates(case):
    algorithm, more, actions, steps = case
    check_independence(algorithm, small(algorithm, **more), SHAPES, steps, {"obs": 17, "actions": actions})


@pytest.mark.parametrize("algorithm", FAMILY)
@pytest.mark.parametrize(
    "more", [{}, {"multi_step_returns": 3, "n_envs": 2, "tau": 0.5}], ids=["one step", "three steps"]
)
def test_a_resumed_run_equals_one_in_one_go(algorithm, more, tmp_path):
    config = small(algorithm, batch_size=16, **more)
    assert 0 < check_resume(algorithm, config, SHAPES, 300, tmp_path, {"obs": 17, "actions": 3}) < 300


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
@pytest.mark.parametrize("algorithm", FAMILY)
def test_compiled_runs_agree_in_every_stack_of_two_or_more(algorithm):
    config = small(algorithm, batch_size=33)
    first, *others = [
        play(algorithm, config, SHAPES, seeds, 60, kwargs={"obs": 17, "actions": 3}, compile=True).of_seed(3)
        for seeds in ([7, 3], [3, 11, 5], [5, 3, 7])
    ]
    assert all(other == first for other in others)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("algorithm", FAMILY)
def test_a_bad_number_in_one_seed_leaves_the_others_bits_alone(algorithm, bad):
    poisoned = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[2]
    kwargs = {"bad_seeds": [poisoned], "bad": bad, "end": 0.1}
    config = small(algorithm, batch_size=8, learning_starts=10, multi_step_returns=2)
    played = play(algorithm, config, SHAPES, [7, 8, 9], 200, kwargs=kwargs, every=64)
    assert set(played.outcome.failed) == {8} and played.outcome.diverged_at == {}
    for seed in (7, 9):
        alone = play(algorithm, config, SHAPES, [seed], 200, kwargs=kwargs, every=64)
        assert played.of_seed(seed) == alone.of_seed(seed)


@pytest.mark.parametrize("algorithm", FAMILY)
def test_a_published_policy_plays_as_the_one_that_was_trained(algorithm):
    trained, fresh = untrained(algorithm), untrained(algorithm, seeds=(1, 2))
    obs = random_batch().obs.numpy()
    assert (fresh.act(obs) != trained.act(obs)).any()
    fresh.load_final_state(trained.final_state())
    assert (fresh.act(obs) == trained.act(obs)).all()


# -- known answers -----------------------------------------------------------------------------------------------
def exact_values(algorithm, env_id, how, n_step):
    config = algorithm.Config(
        batch_size=32,
        net_arch=(32,),
        learning_starts=50,
        gamma=GAMMA,
        learning_rate="lin_1e-2",
        target_update_interval=20,
        exploration_final_eps=1.0,
        multi_step_returns=n_step,
    )
    return play(algorithm, config, env_id, [0, 1], 1000, kwargs={"how": how}).algorithm


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize(("how", "second"), [("terminated", 0.5), ("truncated", 1.0)])
@pytest.mark.parametrize("algorithm", FAMILY)
def test_the_values_of_a_fork_are_exact(algorithm, how, second, n_step):
    """Action 0 gives 0.6; action 1 gives γ · 1, or γ / (1 − γ) where the end is a cut."""
    agent = exact_values(algorithm, FORK, how, n_step)
    values = agent.network(agent.online, torch.tensor([1.0, 0.0]).expand(2, 1, 2)).detach().numpy()
    assert values[:, 0] == pytest.approx(np.array([[0.6, second]] * 2), abs=0.02)


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize(("how", "value"), [("terminated", 1.0), ("truncated", 1 / (1 - GAMMA))])
@pytest.mark.parametrize("algorithm", FAMILY)
def test_truncation_bootstraps_but_termination_does_not(algorithm, how, value, n_step):
    agent = exact_values(algorithm, CONSTANT, how, n_step)
    values = agent.network(agent.online, torch.ones(2, 1, 2)).detach().numpy()
    assert values == pytest.approx(np.full((2, 1, 2), value), abs=0.03)


@pytest.mark.parametrize(
    ("algorithm", "wrong", "message"),
    [
        (DuelingDQN, {"net_arch": ()}, "at least one shared layer"),
        (DuelingDQN, {"net_arch": (32, 1)}, "two units or more"),
        (DuelingDQN, {"multi_step_returns": 5, "n_envs": 8}, "for multi_step_returns 5"),
        (PERDQN, {"multi_step_returns": 5, "n_envs": 8}, "for multi_step_returns 5"),
        (PERDQN, {"batch_size": 200}, "is smaller than batch_size"),
    ],
)
def test_numbers_that_cannot_work_are_refused(algorithm, wrong, message):
    with pytest.raises(ValueError, match=message):
        small(algorithm, **wrong)


@pytest.mark.parametrize("algorithm", FAMILY)
def test_the_shortest_warm_up_leaves_something_to_draw(algorithm):
    config = small(algorithm, multi_step_returns=3, n_envs=2, learning_starts=4, batch_size=5)
    assert play(algorithm, config, SHAPES, [1], 12).outcome.steps == 12


@pytest.mark.parametrize("algorithm", FAMILY)
def test_a_seed_that_is_not_active_learns_nothing(algorithm):
    agent = untrained(algorithm)
    before = agent.online.clone()
    learn_once(agent, random_batch(), torch.tensor([True, False]))
    assert torch.equal(agent.online[1], before[1]) and not torch.equal(agent.online[0], before[0])


# -- dueling -----------------------------------------------------------------------------------------------------
def test_a_dueling_network_is_the_module_torch_builds_of_its_parameters():
    agent, obs = untrained(DuelingDQN, stream_hidden=16), random_batch().obs
    found = agent.network(agent.online, obs)
    assert found.shape == (2, 9, 3)
    for s in range(2):
        assert torch.allclose(found[s], Dueling(agent.online[s])(obs[s]), atol=1e-6)


def test_the_mean_of_action_values_is_the_value_and_a_constant_on_all_advantages_changes_nothing():
    agent, obs = untrained(DuelingDQN, stream_hidden=16), random_batch().obs
    before = agent.network(agent.online, obs)
    for s in range(2):
        module = Dueling(agent.online[s])
        assert torch.allclose(before[s].mean(-1), module.value(module.shared(obs[s])).squeeze(-1), atol=1e-6)
    last_bias = agent.online[:, -16:]  # of the advantage stream, which lies last
    last_bias[:, :3] += 7.0
    assert torch.allclose(agent.network(agent.online, obs), before, atol=1e-5)
    last_bias[:, 1] += 3.0  # on one advantage it does: +3 less the mean's +1
    assert torch.allclose(agent.network(agent.online, obs) - before, torch.tensor([-1.0, 2.0, -1.0]), atol=1e-5)


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("max_grad_norm", [10.0, 0.1])
def test_a_dueling_update_takes_the_gradient_that_torch_takes(double, max_grad_norm):
    agent, batch = untrained(DuelingDQN, stream_hidden=16, double=double, max_grad_norm=max_grad_norm), random_batch()
    grad = gradient_of(agent, batch)
    for s in range(2):
        online, target = Dueling(agent.online[s], 0.5**0.5), Dueling(agent.target[s])
        goal = double_goal(online if double else target, target, batch, s)
        q = online(batch.obs[s])[torch.arange(9), batch.action[s]]
        nn.functional.huber_loss(q, goal).backward()
        nn.utils.clip_grad_norm_(online.parameters(), max_grad_norm)
        layers = [online.shared[0], online.value[0], online.value[2], online.advantage[0], online.advantage[2]]
        assert torch.allclose(grad[s], pack_gradient(layers), atol=1e-5, rtol=1e-4)


# -- prioritized -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", ["huber", "mse"])
def test_a_prioritized_update_takes_the_weighted_gradient_that_torch_takes_and_returns_its_errors(loss):
    agent, learns, batch = untrained(PERDQN, loss=loss), untrained(PERDQN, loss=loss, learning_rate=0.1), random_batch()
    grad = gradient_of(agent, batch)
    error = learn_once(learns, batch)  # from before it learns
    for s in range(2):
        online, target = plain(agent.online[s]), plain(agent.target[s])
        goal = double_goal(online, target, batch, s)
        q = online(batch.obs[s])[torch.arange(9), batch.action[s]]
        assert torch.allclose(error[s].abs(), (q - goal).abs(), atol=1e-5)
        function = nn.functional.huber_loss if loss == "huber" else nn.functional.mse_loss
        (WEIGHT[s] * function(q, goal, reduction="none")).mean().backward()
        nn.utils.clip_grad_norm_(online.parameters(), 10.0)
        assert torch.allclose(grad[s], pack_gradient([online[0], online[2]]), atol=1e-5, rtol=1e-4)


def test_priorities_are_those_of_the_errors_of_what_is_replayed():
    """With a learning rate that changes no weight, each transition drawn so far has exactly (|δ| + floor)^α."""
    config = small(
        PERDQN,
        batch_size=16,
        learning_rate=1e-30,
        prioritized_replay_alpha=0.7,
        prioritized_replay_eps=0.01,
        buffer_size=60,
        multi_step_returns=2,
    )
    agent = play(PERDQN, config, SHAPES, [3, 7], 300, kwargs={"obs": 17, "actions": 3}).algorithm
    kept = {name: torch.from_numpy(array) for name, array in agent.state().items() if name.startswith("replay.")}
    drawn = 0
    for s in range(2):
        network = plain(agent.online[s], (17, 32, 3))
        with torch.no_grad():
            value = network(kept["replay.obs"][s])[torch.arange(60), kept["replay.action"][s]]
            goal = kept["replay.reward"][s] + kept["replay.discount"][s] * network(kept["replay.next_obs"][s]).amax(-1)
        expected = ((value - goal).abs().double() + 0.01) ** 0.7
        found = kept["replay.priority"][s]
        right = torch.isclose(found, expected, rtol=1e-4)
        assert (right | (found >= 1)).all()  # what was not drawn yet has the largest, at least 1
        drawn += right.sum().item()
    assert drawn > 0.85 * 120


def test_beta_goes_to_1_at_the_end_of_the_budget():
    seen = []

    class Watched(PERDQN):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            sample = self.replay.sample
            self.replay.sample = lambda uniform, beta: (seen.append(beta), sample(uniform, beta))[1]

    play(Watched, small(PERDQN, prioritized_replay_beta0=0.4, batch_size=8), SHAPES, [1], 100)
    assert seen == [decay(0.4, 1.0, 100, steps) for steps in range(31, 101)] and seen[-1] == 1.0


class Uncorrected(PERDQN):
    """Leaves importance weights out."""

    def td_loss(self, online, target, batch, weight):
        return super().td_loss(online, target, batch, torch.ones_like(weight))


def value_of_the_lottery(algorithm):
    config = algorithm.Config(
        batch_size=64,
        net_arch=(16,),
        learning_starts=500,
        gamma=0.0,
        learning_rate="lin_3e-3",
        loss="mse",
        prioritized_replay_alpha=1.0,
        prioritized_replay_beta0=1.0,
        prioritized_replay_eps=1e-3,
    )
    agent = play(algorithm, config, "rlbench-tests/Lottery-v0", [0, 1, 2], 2500).algorithm
    wins = agent.state()["replay.reward"].mean(-1)
    return agent.network(agent.online, torch.ones(3, 1, 1)).detach().numpy().ravel(), wins


def test_importance_weights_undo_the_bias_of_prioritized_replay():
    """Drawn by |δ|, a reward that comes with probability p is valued where p(1 − q)² = (1 − p)q²: at 0.25 for 0.1; weighted
    at β = 1, at p.
    """
    value, p = value_of_the_lottery(PERDQN)
    assert value == pytest.approx(p, abs=0.015)
    biased, p = value_of_the_lottery(Uncorrected)
    assert biased == pytest.approx(1 / (1 + np.sqrt((1 - p) / p)), abs=0.03)
