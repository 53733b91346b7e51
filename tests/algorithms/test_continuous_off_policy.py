"""ddpg, td3, sac, tqc and crossq: known answers, and the promises every algorithm keeps."""

import math

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from rlbench_crossq.crossq import CrossQ
from rlbench_ddpg.ddpg import DDPG
from rlbench_sac.sac import SAC
from rlbench_td3.td3 import TD3
from rlbench_tqc.tqc import TQC
from support.continuous_updates import ALL, SEEDS, agent_of, inputs, small, step

from rlbench import RlbenchError, SeedStreams
from rlbench.kit import compilation
from rlbench.plugins.config_model import configure
from rlbench.seeding import EpisodeSeeds
from rlbench.testing import play
from rlbench.testing.conformance import check_independence, check_resume
from rlbench.testing.fakes import SHAPES, TARGET, Target

# -- the promises ----------------------------------------------------------------------------------------------------
SHAPED = {
    "observation 17, 1 dimension, batch 1": (17, 1, {"batch_size": 1}),
    "observation 17, 3 dimensions, N 3, batch 33": (
        17,
        3,
        {"batch_size": 33, "n_envs": 3, "noise_type": "ornstein-uhlenbeck"},
    ),
    "observation 17, 6 dimensions, batch 100": (17, 6, {"batch_size": 100, "learning_rate": "lin_1e-3"}),
    "observation 3, 1 dimension, N 3, 100-33 tanh": (
        3,
        1,
        {"n_envs": 3, "net_arch": (100, 33), "activation_fn": "tanh"},
    ),
    "256-256, batch 33, gaussian": (17, 6, {"net_arch": (256, 256), "batch_size": 33, "noise_type": "normal"}),
}


@ALL
@pytest.mark.parametrize("case", SHAPED.values(), ids=SHAPED.keys())
def test_a_run_does_not_depend_on_its_stack_mates(algorithm, case):
    obs, dims, more = case
    check_independence(algorithm, small(algorithm, **more), SHAPES, 90, {"obs": obs, "dims": dims})


@ALL
@pytest.mark.parametrize(
    "more", [{"noise_type": "ornstein-uhlenbeck", "train_freq": 3}, {"n_envs": 2, "gradient_steps": -1}]
)
def test_a_resumed_run_equals_an_uninterrupted_one(algorithm, more, tmp_path):
    more = {**more, "policy_delay": 3} if algorithm is TD3 else more
    config = small(algorithm, learning_rate="lin_1e-3", **more)
    check_resume(algorithm, config, SHAPES, 130, tmp_path, {"obs": 5, "dims": 3})


DROQ = {"layer_norm": True, "dropout": 0.1, "gradient_steps": 2}


@pytest.mark.parametrize(
    "more", [{"net_arch": (33, 16)}, {"batch_size": 1, "n_envs": 2}, {"layer_norm": False}], ids=str
)
def test_sac_with_dropout_does_not_depend_on_its_stack_mates_and_can_be_resumed(more, tmp_path):
    config = small(SAC, **{**DROQ, **more})
    check_independence(SAC, config, SHAPES, 90, {"obs": 17, "dims": 3})
    check_resume(SAC, config, SHAPES, 130, tmp_path, {"obs": 5, "dims": 3})


def test_sac_draws_for_dropout_only_if_it_drops_and_new_masks_for_every_pass():
    plain = play(SAC, small(SAC, layer_norm=True), SHAPES, [0], 60, kwargs={"dims": 2}).algorithm
    assert set(plain.streams.state(0)["generators"]) == {"init", "explore", "noise", "act", "replay", "update"}
    agent = agent_of(SAC, small(SAC, **DROQ))
    drawn, masks = [], agent.critic_net.masks
    agent.critic_net.masks = lambda *given: drawn.append(masks(*given)) or drawn[-1]
    batch, normal = inputs(agent, size=16)
    step(agent, batch, normal)
    passes = [mask for (mask,) in drawn]
    assert [mask.shape for mask in passes] == [(3, 2, 16, 16)] * 3
    assert not any(torch.equal(passes[i], passes[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    found = agent.actor_gradient([agent.actor, agent.log_alpha], agent.critic, batch.obs, [passes[0] * 0], normal[:, 1])
    plain = agent.actor_gradient([agent.actor, agent.log_alpha], agent.critic, batch.obs, [], normal[:, 1])
    assert not torch.equal(found[0][0], plain[0][0])  # the masks of the actor's loss are used


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
def test_compiled_runs_of_sac_with_dropout_agree_in_every_stack_of_two_or_more(monkeypatch):
    monkeypatch.setattr(compilation, "BLOCK_FLOATS", 1)
    config, kwargs = small(SAC, **DROQ), {"obs": 17, "dims": 3}
    runs = [play(SAC, config, SHAPES, s, 50, kwargs=kwargs, compile=True) for s in ([7, 3], [3, 11, 5], [9, 5, 3, 7])]
    first, *others = [run.of_seed(3) for run in runs]
    assert all(other == first for other in others)


@ALL
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_bad_number_in_one_seed_leaves_the_others_bits_alone(algorithm, bad):
    reset_seed = EpisodeSeeds(SeedStreams([8]).sequence("environment", 0, 0), "training")[2]
    config, kwargs = (
        small(algorithm, noise_type="ornstein-uhlenbeck"),
        {"bad_seeds": [reset_seed], "bad": bad, "end": 0.1, "dims": 2},
    )
    played = play(algorithm, config, SHAPES, [7, 8, 9], 160, kwargs=kwargs, every=64)
    for seed in (7, 9):
        assert played.of_seed(seed) == play(algorithm, config, SHAPES, [seed], 160, kwargs=kwargs, every=64).of_seed(
            seed
        )
    assert set(played.outcome.failed) == {8} and played.outcome.diverged_at == {}


@ALL
def test_a_seed_that_is_not_active_keeps_every_bit_it_has_learned(algorithm):
    agent = agent_of(algorithm, small(algorithm, learning_rate=1e-2))
    for _ in range(4):
        step(agent, *inputs(agent))
    before = agent.state()
    for _ in range(4):
        batch, normal = inputs(agent)
        batch.reward[1] = math.nan
        step(agent, batch, normal, torch.tensor([True, False, True]))
    for name, after in agent.state().items():
        if name.split(".")[0] not in ("replay", "noise", "train_round", "updates"):
            assert after[1].tobytes() == before[name][1].tobytes(), name
            assert np.isfinite(after).all() and (name == "log_alpha" or (after[0] != before[name][0]).any())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # inductor's own
@ALL
def test_compiled_runs_agree_in_every_stack_of_two_or_more(algorithm, monkeypatch):
    """The last in two blocks, each computed by the first one's graph."""
    monkeypatch.setattr(compilation, "BLOCK_FLOATS", 1)
    stacks = ([7, 3], [3, 11, 5], [5, 3, 7], [9, 5, 3, 7])
    runs = [
        play(algorithm, small(algorithm), SHAPES, s, 50, kwargs={"obs": 17, "dims": 3}, compile=True) for s in stacks
    ]
    first, *others = [run.of_seed(3) for run in runs]
    for other in others:
        assert other == first


# -- known answers -----------------------------------------------------------------------------------------------------
FOUND = {"net_arch": (32, 32), "activation_fn": "tanh", "batch_size": 64, "learning_starts": 300, "learning_rate": 3e-3}
FINDS = {
    DDPG: {**FOUND, "noise_std": 0.3, "learning_rate": "lin_3e-3"},
    TD3: {**FOUND, "noise_std": 0.3, "learning_rate": "lin_3e-3"},
    SAC: {**FOUND, "train_freq": 2},
    TQC: {**FOUND, "train_freq": 2, "n_quantiles": 10},
    # Its actor is updated as often as the others', its temperature is constant, because it would fall too slowly, and the
    # running statistics follow 2,000 steps.
    CrossQ: {
        **FOUND,
        "activation_fn": "relu",
        "critic_net_arch": (64, 64),
        "batch_size": 128,
        "learning_rate": "lin_1e-3",
        "policy_delay": 1,
        "ent_coef": 0.01,
        "batch_norm_momentum": 0.9,
    },
}


@pytest.mark.slow
@ALL
def test_the_best_action_is_found_in_bounds_that_are_not_symmetric(algorithm):
    """And every action that reached the environment lay in its bounds, or it would have refused it."""
    agent = play(algorithm, algorithm.Config(**FINDS[algorithm]), TARGET, SEEDS, 2000).algorithm
    found = agent.act(np.ones((3, 1, 2), np.float32))[:, 0]
    assert (np.abs(found - Target.best) / (Target.high - Target.low) < 0.1).all()


class Steady(gymnasium.Env):
    """One state, reward 1 a step whatever the action, episodes of one step that end by `how`."""

    def __init__(self, how="truncated"):
        self.observation_space, self.action_space = Box(-1, 1, (2,), np.float32), Box(-2, 4, (1,), np.float32)
        self._how = how

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(2, np.float32), {}

    def step(self, action):
        return np.ones(2, np.float32), 1.0, self._how == "terminated", self._how == "truncated", {}


class Counting(Steady):
    """The observation is how many steps the episode has had; the third one cuts it off."""

    def reset(self, *, seed=None, options=None):
        self._steps = 0
        return super().reset(seed=seed)[0] * 0, {}

    def step(self, action):
        self._steps += 1
        return np.full(2, self._steps, np.float32), 1.0, False, self._steps == 3, {}


STEADY, COUNTING = "rlbench-tests/Steady-v0", "rlbench-tests/Counting-v0"
for name, env in ((STEADY, Steady), (COUNTING, Counting)):
    if name not in gymnasium.registry:
        gymnasium.register(name, env)
QUICK = {
    "net_arch": (16,),
    "batch_size": 32,
    "learning_starts": 32,
    "gamma": 0.5,
    "learning_rate": "lin_1e-2",
    "tau": 0.1,
}


def values_at(agent):
    """What the critics say of 5 actions in the one state: [S, critics, 5]; of quantiles, their mean.

    CrossQ's are normalised by the actions that it has seen, and say nothing of others, so they are asked about its last.
    """
    action = torch.linspace(-1, 1, 5).expand(agent.num_seeds, 5).unsqueeze(-1)
    if isinstance(agent, CrossQ):
        action = agent.replay.state()["action"][:, -5:]
    x = torch.cat([torch.ones(agent.num_seeds, 5, 2), action], -1)
    rows = agent.critic.view(-1, agent.critic_net.size)
    lanes = x.repeat_interleave(len(rows) // agent.num_seeds, 0)
    return agent.critic_net(rows, lanes).mean(-1).view(agent.num_seeds, -1, 5).numpy()


@ALL
@pytest.mark.parametrize(("how", "value"), [("terminated", 1.0), ("truncated", 2.0)])
def test_truncation_bootstraps_and_termination_does_not(algorithm, how, value):
    """One step ends the episode: Q = 1 if it terminates, 1 + γQ = 2 if it is only cut."""
    config = small(
        algorithm, **QUICK, buffer_size=700, **({"ent_coef": 1e-4} if algorithm in (SAC, TQC, CrossQ) else {})
    )
    agent = play(algorithm, config, STEADY, [0, 1], 700, kwargs={"how": how}).algorithm
    tolerance = 0.2 if algorithm is CrossQ else 0.05  # the mean and variance of its last minibatches differ
    assert values_at(agent) == pytest.approx(np.full(values_at(agent).shape, value), abs=tolerance)


@pytest.mark.slow
def test_sac_counts_the_entropy_of_the_best_policy_as_reward():
    """Where all actions are equal the best policy is uniform on (−1, 1), whose entropy is log 2: Q = (1 + γα log 2)/(1 − γ)."""
    config = SAC.Config(**{**QUICK, "batch_size": 128}, ent_coef=1.0)
    agent = play(SAC, config, STEADY, [0, 1], 1500, kwargs={"how": "truncated"}).algorithm
    assert values_at(agent) == pytest.approx(np.full((2, 2, 5), 2 + math.log(2)), abs=0.08)
    assert entropy_of(agent, np.ones((2, 2), np.float32)) == pytest.approx([math.log(2)] * 2, abs=0.05)


def entropy_of(agent, obs, count=4000):
    """The policy's entropy [S] in one state obs [S, O], by sampling."""
    normal = torch.randn(agent.num_seeds, count, agent.dim, generator=torch.Generator().manual_seed(0))
    states = torch.from_numpy(obs).unsqueeze(1).expand(-1, count, -1)
    return -agent.policy_of(agent.actor, states, normal)[1].mean(-1).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(("dims", "target", "entropy"), [(1, "auto", -1.0), (3, -1.5, -1.5)])
def test_sac_holds_its_entropy_at_the_target(dims, target, entropy):
    config = SAC.Config(**{**FINDS[SAC], "train_freq": 1, "ent_coef": "auto_0.1"}, target_entropy=target)
    agent = play(SAC, config, TARGET, [0, 1], 2000, kwargs={"dims": dims}).algorithm
    found = entropy_of(agent, np.ones((2, 2), np.float32))
    assert found == pytest.approx([entropy] * 2, abs=0.4)
    alpha = agent.log_alpha.exp()[:, 0]
    assert (alpha < 0.1).all() and alpha[0] != alpha[1]  # a temperature of its own for each seed


# -- what the papers prescribe ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("delay", [1, 3])
def test_crossq_updates_its_actor_and_temperature_with_the_delay_and_counts_minibatches(delay):
    config = small(CrossQ, policy_delay=delay)
    agent = play(CrossQ, config, SHAPES, [0, 1], 20 + 7, kwargs={"dims": 2}).algorithm
    assert agent.critic_optimizer.step.tolist() == [7, 7]
    assert agent.actor_optimizer.step.tolist() == agent.alpha_optimizer.step.tolist() == [7 // delay] * 2
    assert agent.actor[:, -16].tolist() == [7 // delay] * 2  # in the statistics
    assert agent.critic.view(4, -1)[:, -16].tolist() == [7] * 4


@pytest.mark.parametrize(
    ("given", "actor", "critic"),
    [
        ({}, (256, 256), (1024, 1024)),
        ({"net_arch": (8,)}, (8,), (8,)),
        ({"critic_net_arch": (8, 9)}, (256, 256), (8, 9)),
        ({"net_arch": ()}, (), ()),
    ],
)
def test_crossqs_critics_have_the_layers_of_the_actor_only_if_they_are_written(given, actor, critic):
    agent = agent_of(CrossQ, CrossQ.Config(**given))
    layers = [[linear.layers[0][1] for linear in net._linear[:-1]] for net in (agent.actor_net, agent.critic_net)]
    assert layers == [list(actor), list(critic)]
    assert configure(CrossQ.Config, {name: list(value) for name, value in given.items()}, "x") == agent.config


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_td3_updates_its_actor_and_all_targets_with_the_delay(delay):
    """With tau 1 a target update is a copy, so a target differs from its network just where it was left alone."""
    for updates in (6, 7):
        config = small(TD3, policy_delay=delay, tau=1.0, learning_rate=1e-2)
        agent = play(TD3, config, SHAPES, [0, 1], 20 + updates, kwargs={"dims": 2}).algorithm
        assert agent.critic_optimizer.step.tolist() == [updates] * 2 == agent.updates.tolist()
        assert agent.actor_optimizer.step.tolist() == [updates // delay] * 2
        assert torch.equal(agent.target_actor, agent.actor)
        assert torch.equal(agent.target_critic, agent.critic) == (updates % delay == 0)


def test_td3_smooths_its_target_by_clipped_noise_in_units_of_the_range():
    agent = agent_of(TD3, small(TD3))
    batch, _ = inputs(agent)
    seen = []
    q_of = agent.q_of
    agent.q_of = lambda critic, obs, action: seen.append(action) or q_of(critic, obs, action)
    for normal in (0.0, 1.0, -100.0):
        given = agent.target_critic, agent.target_actor, batch, torch.full((3, 12, 2), normal)
        agent.critic_loss(agent.critic, *given)
    mode = agent.policy_of(agent.target_actor, batch.next_obs)
    plain, moved, clipped = seen[::2]  # after each, the values of the actions that were taken
    assert torch.equal(plain, mode)
    assert torch.allclose(moved, (mode + 0.2).clamp(max=1)) and torch.allclose(clipped, (mode - 0.5).clamp(min=-1))
    reach = (agent.bounds.to_env(moved.numpy()) - agent.bounds.to_env(mode.numpy()))[(mode < 0.8).all(-1).numpy()]
    assert reach == pytest.approx(np.broadcast_to(0.2 * np.array([1.5, 2.5]), reach.shape), abs=1e-5)


@pytest.mark.parametrize("tau", [0.005, 0.3, 1.0])
def test_ddpgs_targets_move_by_tau(tau):
    agent = agent_of(DDPG, small(DDPG, tau=tau, learning_rate=1e-2))
    step(agent, *inputs(agent))  # now online and target differ
    before = [agent.target_actor.clone(), agent.target_critic.clone()]
    step(agent, *inputs(agent, seed=1))
    for old, new, online in zip(before, [agent.target_actor, agent.target_critic], [agent.actor, agent.critic]):
        expected = (1 - tau) * old.double() + tau * online.double()
        assert torch.allclose(new.double(), expected, atol=1e-7) and not torch.equal(new, old)


# -- acting and storing --------------------------------------------------------------------------------------------------
@ALL
@pytest.mark.parametrize("n_envs", [1, 2])
def test_replay_holds_normalised_actions_and_what_came_of_them(algorithm, n_envs):
    """The reward of a one-step task says which action the environment was given."""
    agent = play(algorithm, small(algorithm, n_envs=n_envs), TARGET, [0, 1], 80).algorithm
    kept = {name: agent.replay.state()[name].numpy() for name in ("action", "reward", "discount")}
    assert np.abs(kept["action"]).max() <= 1
    taken = agent.bounds.to_env(kept["action"])
    reward = 1 - (((taken - Target.best) / (Target.high - Target.low)) ** 2).sum(-1)
    assert kept["reward"] == pytest.approx(reward, abs=1e-5) and not kept["discount"].any()


@ALL
def test_what_is_learned_from_is_the_true_successor_and_not_the_next_episodes_start(algorithm):
    agent = play(algorithm, small(algorithm, n_envs=2, gamma=0.5), COUNTING, [0, 1], 80).algorithm
    kept = {name: values for name, values in agent.replay.state().items() if name in ("obs", "next_obs", "discount")}
    assert torch.equal(kept["next_obs"], kept["obs"] + 1) and kept["next_obs"].max() == 3
    assert (kept["discount"] == 0.5).all()


@pytest.mark.parametrize("algorithm", [DDPG, TD3])
@pytest.mark.parametrize(
    ("kind", "spread"), [("none", 0.0), ("normal", 0.2), ("ornstein-uhlenbeck", 0.2 * math.sqrt(1 / (1 - 0.85**2)))]
)
def test_exploration_adds_the_noise_it_is_told_to(algorithm, kind, spread):
    config = small(algorithm, noise_type=kind, noise_std=0.2, buffer_size=1500, learning_rate=1e-12, train_freq=50)
    agent = play(algorithm, config, SHAPES, [0, 1], 1500, kwargs={"dims": 2, "end": 0.001}).algorithm
    kept = agent.replay.state()
    obs, action = kept["obs"][:, 20:], kept["action"][:, 20:]
    noise = (action - agent.policy_of(agent.actor, obs)).numpy()
    inside = noise[np.abs(action.numpy()) < 1]
    assert inside.std() == pytest.approx(spread, rel=0.25, abs=1e-6)
    correlation = np.corrcoef(noise[0, 1:, 0], noise[0, :-1, 0])[0, 1] if spread else 0.0
    assert correlation == pytest.approx(0.85 if kind == "ornstein-uhlenbeck" else 0.0, abs=0.15)


@ALL
def test_actions_are_uniform_over_the_range_until_the_warmup_ends(algorithm):
    agent = play(algorithm, small(algorithm, learning_starts=1000, buffer_size=1001), TARGET, [0, 1], 1001).algorithm
    action = agent.replay.state()["action"][:, :1000].numpy()
    assert np.histogram(action, 10, (-1, 1))[0] / action.size == pytest.approx(np.full(10, 0.1), abs=0.02)
    assert agent.critic_optimizer.step.tolist() == [1, 1]


@ALL
@pytest.mark.parametrize(
    ("more", "updates"),
    [
        ({}, 60),
        ({"train_freq": 4}, 15),
        ({"train_freq": 4, "gradient_steps": -1}, 60),
        ({"train_freq": 4, "gradient_steps": 2}, 30),
        ({"n_envs": 4}, 15),
        ({"n_envs": 4, "gradient_steps": -1}, 60),
        ({"n_envs": 4, "train_freq": 2, "gradient_steps": -1}, 64),
    ],
)
def test_updates_keep_to_the_cadence_whatever_the_number_of_environments(algorithm, more, updates):
    agent = play(algorithm, small(algorithm, **more), SHAPES, [0, 1], 80, kwargs={"dims": 2}).algorithm
    assert agent.critic_optimizer.step.tolist() == [updates] * 2


@ALL
@pytest.mark.parametrize(
    ("rates", "last"),
    [
        ({"learning_rate": "lin_1e-3"}, (0, 0)),
        ({"learning_rate": "lin_1e-3", "critic_learning_rate": 1e-2}, (0, 1e-2)),
        ({"learning_rate": 1e-3, "critic_learning_rate": "lin_1e-2"}, (1e-3, 0)),
        ({"learning_rate": 1e-3}, (1e-3, 1e-3)),
    ],
)
def test_a_learning_rate_falls_to_zero_where_it_is_told_to(algorithm, rates, last):
    agent = play(algorithm, small(algorithm, **rates), SHAPES, [0], 80, kwargs={"dims": 1}).algorithm
    assert (agent.actor_optimizer.lr, agent.critic_optimizer.lr) == pytest.approx(last)


@ALL
def test_the_published_policy_plays_as_the_trained_one(algorithm):
    agent = play(algorithm, small(algorithm), TARGET, [0, 1], 60).algorithm
    again = agent_of(algorithm, small(algorithm), obs=2, dims=3, seeds=[0, 1])
    again.load_final_state(agent.final_state())
    obs = np.random.default_rng(0).standard_normal((2, 5, 2)).astype(np.float32)
    first = agent.act(obs)
    assert (again.act(obs) == first).all() and first.shape == (2, 5, 3) and not np.shares_memory(first, agent.act(obs))
    assert {len(array) for array in agent.final_state().values()} == {2} == {len(a) for a in agent.state().values()}


def test_sac_is_evaluated_at_its_mode_or_sampled_and_the_others_at_their_action_alone():
    agent = agent_of(SAC, small(SAC), obs=4, dims=3)
    obs, start = np.zeros((3, 2000, 4), np.float32), np.zeros((3, 2000), bool)
    with agent.streams.only("evaluate"):
        greedy, sampled = agent.policy()(obs, start), agent.policy("sampled")(obs, start)
    assert (greedy == greedy[:, :1]).all() and sampled.std(1).min() > 0.1
    assert np.median(sampled, 1) == pytest.approx(greedy[:, 0], abs=0.2)  # a monotonous map keeps the median
    for other in (DDPG, TD3):
        with pytest.raises(ValueError, match="only 'greedy'"):
            agent_of(other, small(other)).policy("sampled")


def test_the_published_settings_of_the_zoo_can_be_said():
    for algorithm in (DDPG, TD3):
        pendulum = {
            "gamma": 0.98,
            "buffer_size": 200_000,
            "learning_starts": 10_000,
            "noise_std": 0.1,
            "learning_rate": 1e-3,
            "net_arch": [400, 300],
        }
        car = {
            "noise_type": "ornstein-uhlenbeck",
            "noise_std": 0.5,
            "noise_dt": 1,
            "learning_rate": 1e-3,
            "batch_size": 256,
            "net_arch": [400, 300],
        }
        for params in (pendulum, car):
            assert configure(algorithm.Config, params, "zoo").net_arch == (400, 300)
    car = {"learning_rate": 3e-4, "buffer_size": 50_000, "batch_size": 512, "ent_coef": 0.1, "train_freq": 32}
    car |= {"gradient_steps": 32, "gamma": 0.9999, "tau": 0.01, "learning_starts": 0, "net_arch": [64, 64]}
    assert configure(SAC.Config, car, "zoo").ent_coef == 0.1
    assert (
        configure(
            SAC.Config, {"critic_learning_rate": None, "noise_type": "ornstein-uhlenbeck"}, "zoo"
        ).critic_learning_rate
        is None
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [("auto", "auto"), ("auto_0.10", "auto_0.1"), ("auto_1", "auto_1.0"), (1, 1.0), (0.2, 0.2), ("2e-1", 0.2)],
)
def test_sacs_temperature_is_kept_alike_however_it_is_written(given, kept):
    assert configure(SAC.Config, {"ent_coef": given}, "sac").ent_coef == kept


@pytest.mark.parametrize(("given", "first"), [("auto", 1.0), ("auto_0.3", 0.3), (0.3, 0.3)])
def test_sacs_temperature_is_learned_from_auto_on_and_stays_at_a_number(given, first):
    agent = agent_of(SAC, small(SAC, ent_coef=given, learning_rate=1e-2))
    before = agent.log_alpha.exp()[:, 0]
    step(agent, *inputs(agent))
    after = agent.log_alpha.exp()[:, 0]
    assert before.tolist() == pytest.approx([first] * 3)
    assert (after == before).all() if given == 0.3 else (after != before).all()


@pytest.mark.parametrize("given", ["automatic", "auto_", "auto_-1", "often", 0, -0.1, math.inf])
def test_a_temperature_that_is_none_is_refused(given):
    with pytest.raises(RlbenchError, match=r"ent_coef should be auto, auto_0\.1 \(learned, .* got"):
        configure(SAC.Config, {"ent_coef": given}, "sac")


@ALL
@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"gradient_steps": 0}, "gradient_steps"),
        ({"buffer_size": 10}, "is smaller than batch_size"),
        ({"learning_starts": 1000}, "leaves none of the"),
    ],
)
def test_settings_that_cannot_work_are_refused(algorithm, params, problem):
    with pytest.raises(ValueError, match=problem):
        agent_of(algorithm, small(algorithm, **params))
