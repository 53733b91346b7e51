"""Stable-Baselines3 through the boundary: its own defaults, one call of `learn`, and a policy that can be played again."""

import inspect

import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from rlbench_sb3 import rlbench_algorithms
from rlbench_sb3.metric_logger import MetricLogger
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise, VectorizedActionNoise
from stable_baselines3.common.vec_env import VecNormalize

from rlbench import Device, EvaluationProtocol, SeedStreams, Task, TaskInfo
from rlbench.envs.gymnasium_backend import rlbench_env_backends
from rlbench.plugins.config_model import configure
from rlbench.runtime.evaluation import Evaluator
from rlbench.testing import play
from rlbench.testing.fakes import BANDIT, TARGET

SPECS = {spec.name.removeprefix("sb3/"): spec for spec in rlbench_algorithms()}
OFF = {"learning_starts": 60, "batch_size": 16, "buffer_size": 500, "net_arch": (16,), "n_envs": 2}
ON = {"n_steps": 20, "net_arch": (16,), "n_envs": 2}
SMALL = {
    "dqn": OFF,
    "a2c": ON,
    "ppo": ON | {"batch_size": 20, "n_epochs": 2},
    "ddpg": OFF | {"noise_type": "normal"},
    "td3": OFF | {"noise_type": "normal"},
    "sac": OFF,
    "qrdqn": OFF,
    "tqc": OFF,
    "trpo": ON | {"batch_size": 20},
    "ars": {"net_arch": (16,), "n_envs": 2, "n_delta": 2, "zero_policy": False},
    "recurrent_ppo": ON | {"batch_size": 20, "n_epochs": 2, "lstm_hidden_size": 16},
}
DISCRETE, CONTINUOUS = (
    ("dqn", "a2c", "ppo", "qrdqn", "trpo", "ars", "recurrent_ppo"),
    ("a2c", "ppo", "ddpg", "td3", "sac", "tqc", "trpo", "ars", "recurrent_ppo"),
)
CONTRIB = ("qrdqn", "tqc", "trpo", "ars", "recurrent_ppo")
STOCHASTIC = ("a2c", "ppo", "sac", "tqc", "trpo")
CASES = [*((name, "CartPole-v1") for name in DISCRETE), *((name, "Pendulum-v1") for name in CONTINUOUS)]
# For every field of every constructor, something that is not its default.
OTHER = {
    "learning_rate": 3e-3,
    "n_steps": 4,
    "batch_size": 8,
    "n_epochs": 3,
    "gamma": 0.9,
    "gae_lambda": 0.7,
    "clip_range": 0.3,
    "clip_range_vf": 0.4,
    "ent_coef": 0.02,
    "vf_coef": 0.3,
    "max_grad_norm": 0.7,
    "target_kl": 0.5,
    "rms_prop_eps": 1e-3,
    "use_rms_prop": False,
    "normalize_advantage": None,  # turned round
    "buffer_size": 300,
    "learning_starts": 40,
    "tau": 0.3,
    "train_freq": 3,
    "gradient_steps": 2,
    "target_update_interval": 7,
    "exploration_fraction": 0.6,
    "exploration_initial_eps": 0.9,
    "exploration_final_eps": 0.2,
    "policy_delay": 3,
    "target_policy_noise": 0.1,
    "target_noise_clip": 0.4,
    "noise_type": "ornstein-uhlenbeck",
    "target_entropy": -2.5,
    "top_quantiles_to_drop_per_net": 3,
    "cg_max_steps": 9,
    "cg_damping": 0.2,
    "line_search_shrinking_factor": 0.7,
    "line_search_max_iter": 6,
    "n_critic_updates": 3,
    "sub_sampling_factor": 2,
    "n_delta": 3,
    "n_top": 2,
    "delta_std": 0.1,
    "zero_policy": False,
    "alive_bonus_offset": -0.5,
    "n_eval_episodes": 2,
}
ELSEWHERE = {"use_rms_prop", "delta_std", "rms_prop_eps", "learning_rate", "noise_type"}


def library(name):
    return getattr(sb3_contrib if name in CONTRIB else stable_baselines3, written(name))


def written(name):
    return "RecurrentPPO" if name == "recurrent_ppo" else name.upper()


def of_vectors(name):
    """The library's name for the policy of vectors."""
    return "MlpLstmPolicy" if name == "recurrent_ppo" else "MlpPolicy"


def environment(name):
    return "CartPole-v1" if SPECS[name].supports.discrete else "Pendulum-v1"


def small(name, env_id, seed=3, steps=300, every=0, **params):
    algorithm = SPECS[name].load()
    return play(algorithm, configure(algorithm.Config, SMALL[name] | params, name), env_id, [seed], steps, every=every)


def test_the_librarys_six_algorithms_and_five_of_contribs_are_offered():
    assert list(SPECS) == ["dqn", "a2c", "ppo", "ddpg", "td3", "sac", *CONTRIB]
    for name, spec in SPECS.items():
        assert spec.load().__name__ == ("Contrib" if name in CONTRIB else "StableBaselines") + written(name)
        assert not (spec.stackable or spec.resumable) and spec.reproducible
        assert spec.requires == (("stable_baselines3",) + ("sb3_contrib",) * (name in CONTRIB)) and spec.extra == "sb3"
        assert (spec.supports.discrete, spec.supports.continuous) == (name in DISCRETE, name in CONTINUOUS)


@pytest.mark.parametrize("name", SPECS)
def test_defaults_are_the_librarys_own(name):
    known = inspect.signature(library(name)).parameters
    config = SPECS[name].load().Config()
    ours = {n: getattr(config, n) for n in config.__dataclass_fields__ if n in known}
    assert ours == {n: known[n].default for n in ours} and len(ours) >= 7
    left_out = {"policy", "env", "verbose", "device", "seed", "policy_kwargs", "tensorboard_log", "stats_window_size"}
    left_out |= {"optimize_memory_usage", "use_sde", "sde_sample_freq", "use_sde_at_warmup", "_init_setup_model"}
    left_out |= {n for n in known if n.endswith(("buffer_class", "buffer_kwargs"))}
    left_out |= {"action_noise"}  # which noise_type and its numbers make
    assert set(known) - set(config.__dataclass_fields__) == left_out & set(known)
    policy = inspect.signature(library(name).policy_aliases[of_vectors(name)]).parameters
    assert config.activation_fn == policy["activation_fn"].default.__name__.lower()
    assert all(getattr(config, n) == policy[n].default for n in ("ortho_init", "log_std_init") if hasattr(config, n))


@pytest.mark.parametrize("name", SPECS)
def test_the_default_network_is_the_librarys_own(name):
    played = play(SPECS[name].load(), SPECS[name].load().Config(), environment(name), [0], 3)
    theirs = library(name)(of_vectors(name), environment(name), device="cpu").policy.state_dict()
    assert {n: tuple(v.shape) for n, v in theirs.items()} == {n: v.shape[1:] for n, v in played.learned.items()}


@pytest.mark.parametrize("name", SPECS)
def test_every_parameter_arrives(name):
    Config = SPECS[name].load().Config
    given = {n: v for n, v in OTHER.items() if n in Config.__dataclass_fields__}
    if "normalize_advantage" in given:
        given["normalize_advantage"] = not Config().normalize_advantage
    assert set(given) >= set(Config.__dataclass_fields__) & set(inspect.signature(library(name)).parameters)
    assert all(value != getattr(Config(), n) for n, value in given.items())
    more = {"n_envs": 2, "net_arch": (8, 12), "activation_fn": "tanh" if Config().activation_fn == "relu" else "relu"}
    model = play(SPECS[name].load(), Config(**given, **more), environment(name), [0], 48).algorithm.model
    for n, value in given.items():
        if n in ELSEWHERE:
            continue
        found = getattr(model, n)
        if n == "train_freq":
            found = found.frequency
        assert (found(0.25) if n.startswith("clip_range") else found) == value, n
    assert model.n_envs == 2 and model.lr_schedule(0.25) == 3e-3
    weights = {n: v for n, v in model.policy.state_dict().items() if n.endswith("weight")}
    assert {8, 12} <= {size for weight in weights.values() for size in weight.shape}
    activation = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[more["activation_fn"]]
    assert any(isinstance(m, activation) for m in model.policy.modules())
    if name == "a2c":
        assert isinstance(model.policy.optimizer, torch.optim.Adam)
        rms = play(SPECS[name].load(), Config(rms_prop_eps=1e-3), environment(name), [0], 10).algorithm.model
        assert isinstance(rms.policy.optimizer, torch.optim.RMSprop) and rms.policy.optimizer.defaults["eps"] == 1e-3
    if "noise_type" in given:
        assert isinstance(model.action_noise, VectorizedActionNoise) and len(model.action_noise.noises) == 2
        assert isinstance(model.action_noise.noises[0], OrnsteinUhlenbeckActionNoise)
        assert vars(model.action_noise.noises[0])["_sigma"] == pytest.approx([0.1])


def test_the_parameters_that_are_put_together_arrive():
    model = small(
        "ppo", "CartPole-v1", learning_rate="lin_3e-4", clip_range="lin_0.2", clip_range_vf="lin_0.3"
    ).algorithm.model
    assert [model.lr_schedule(left) for left in (1, 0.5, 0)] == pytest.approx([3e-4, 1.5e-4, 0])
    assert [model.clip_range(left) for left in (1, 0.5, 0)] == pytest.approx([0.2, 0.1, 0])
    assert model.clip_range_vf(0.5) == pytest.approx(0.15)
    sac = small("sac", "Pendulum-v1", ent_coef="auto_0.25", learning_starts=290).algorithm.model
    assert sac.log_ent_coef.exp().item() == pytest.approx(0.25, rel=0.02) and sac.target_entropy == -1
    fixed = small("sac", "Pendulum-v1", ent_coef=0.1, n_critics=3).algorithm.model
    assert fixed.ent_coef_tensor.item() == pytest.approx(0.1) and fixed.critic.n_critics == 3
    episodic = small("td3", "Pendulum-v1", n_envs=1, train_freq=[1, "episode"], steps=450).algorithm.model
    assert episodic._n_updates == 2  # one a finished episode of 200 steps
    normal = small("ddpg", "Pendulum-v1", noise_std=0.3).algorithm.model
    assert normal.action_noise.noises[0]._sigma == pytest.approx([0.3]) and len(normal.critic.q_networks) == 1
    std = small("ppo", "Pendulum-v1", log_std_init=-1.5, steps=2).algorithm.network.log_std
    assert std.item() == -1.5


def test_contribs_own_parameters_arrive():
    ars = small("ars", "Pendulum-v1", delta_std="lin_0.2", steps=50).algorithm.model
    assert [ars.delta_std_schedule(left) for left in (1, 0.5, 0)] == pytest.approx([0.2, 0.1, 0])
    linear = {"net_arch": [], "with_bias": False, "squash_output": False}
    weights = small("ars", "Pendulum-v1", steps=50, **linear).algorithm.network.state_dict()
    assert {name: tuple(value.shape) for name, value in weights.items()} == {"action_net.0.weight": (1, 3)}
    assert small("qrdqn", "CartPole-v1", n_quantiles=7).algorithm.network.quantile_net.n_quantiles == 7
    recurrent = small("recurrent_ppo", "CartPole-v1", lstm_hidden_size=12, n_lstm_layers=2, enable_critic_lstm=False)
    network = recurrent.algorithm.network
    assert (network.lstm_actor.hidden_size, network.lstm_actor.num_layers, network.lstm_critic) == (12, 2, None)
    shared = small("recurrent_ppo", "CartPole-v1", shared_lstm=True, enable_critic_lstm=False).algorithm.network
    assert shared.shared_lstm and not network.shared_lstm
    tqc = small("tqc", "Pendulum-v1", n_quantiles=7, n_critics=3, ent_coef="auto_0.25", learning_starts=290)
    model = tqc.algorithm.model
    assert (model.critic.quantiles_total, model.critic.n_critics) == (21, 3)
    assert model.log_ent_coef.exp().item() == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize(("name", "env_id"), CASES)
def test_the_budget_is_exact_and_the_numbers_hang_on_the_seed_alone(name, env_id):
    normalized = {"normalize_obs": True, "normalize_reward": True}
    one, other = small(name, env_id, every=90, **normalized), small(name, env_id, **normalized)
    model = one.algorithm.model
    assert one.outcome.steps == model.num_timesteps == model._total_timesteps == 300
    assert [e.step for e in one.sink.evaluations] == [90, 180, 270, 300]
    assert {e.rank for e in one.sink.episodes} <= {0, 1}
    assert all(e.return_ == e.length for e in one.sink.episodes if env_id == "CartPole-v1")  # before normalisation
    a, b = one.of_seed(3), other.of_seed(3)
    assert a["learned"] == b["learned"] and a["episodes"] == b["episodes"]  # evaluation changed nothing
    assert a["evaluations"][-1] == b["evaluations"][-1]
    elsewhere = small(name, env_id, seed=4, **normalized).of_seed(4)
    assert elsewhere["learned"] != a["learned"]


@pytest.mark.parametrize(("steps", "rollouts"), [(128, 2), (150, 2), (127, 1)])
def test_every_whole_rollout_is_learned_from_and_nothing_else(steps, rollouts):
    played = small("ppo", "CartPole-v1", n_envs=1, n_steps=64, batch_size=32, n_epochs=3, steps=steps)
    assert played.outcome.steps == steps and played.algorithm.model._n_updates == 3 * rollouts


def test_the_last_round_of_updates_is_done():
    played = small("dqn", "CartPole-v1", n_envs=1, train_freq=50, gradient_steps=9, steps=200)
    assert played.algorithm.model._n_updates == 9 * 3  # after 100, 150 and 200


def fresh(name, played, env_id, **params):
    algorithm = SPECS[name].load()
    backend = rlbench_env_backends()[0]
    env = backend.make_env(Task(env_id, 300, EvaluationProtocol()))
    info = TaskInfo(env_id, env.observation_space, env.action_space, 2, 300)
    again = algorithm(configure(algorithm.Config, SMALL[name] | params, name), info, SeedStreams([3]), Device())
    again.load_final_state({n: array.copy() for n, array in played.algorithm.final_state().items()})
    return again, Evaluator(backend.make_batch(Task(env_id, 300, EvaluationProtocol()), 2), 2, again.streams)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize(("name", "env_id"), CASES)
def test_a_published_policy_plays_the_final_evaluation_again(name, env_id, normalized):
    params = {"normalize_obs": normalized}
    played = small(name, env_id, **params)
    again, evaluator = fresh(name, played, env_id, **params)
    recorded = played.sink.evaluations[-1]
    for _ in range(2):
        found = evaluator.play(again.policy("greedy"), "final", 300, 2)
        assert tuple(found.returns[0]) == recorded.returns
    published, taken = played.algorithm.final_state(), again.final_state()
    assert ("obs_rms.mean" in published) == normalized and all(array.shape[0] == 1 for array in published.values())
    assert {n: (a.dtype, a.tobytes()) for n, a in published.items()} == {
        n: (a.dtype, a.tobytes()) for n, a in taken.items()
    }
    if name in STOCHASTIC:
        first, second = (evaluator.play(again.policy("sampled"), "final", 300, 2).returns for _ in range(2))
        third = evaluator.play(again.policy("sampled"), "final", 301, 2).returns
        assert (first == second).all() and (first != third).any()
    else:
        with pytest.raises(ValueError, match="only 'greedy'"):
            again.policy("sampled")


def test_normalised_observations_are_the_librarys_and_evaluation_leaves_the_statistics_alone():
    player = small("ppo", "Pendulum-v1", normalize_obs=True, normalize_reward=True, clip_obs=0.9).algorithm
    vector = player.model.env
    assert isinstance(vector, VecNormalize) and (vector.clip_obs, vector.norm_reward, vector.gamma) == (0.9, True, 0.99)
    obs = np.random.default_rng(0).normal(size=(1, 50, 3)).astype(np.float32) * 3
    before = vector.obs_rms.mean.copy(), vector.obs_rms.var.copy(), vector.obs_rms.count
    assert before[2] == pytest.approx(302, abs=0.1)  # two resets and 300 steps: no evaluation among them
    seen = player.normalized(obs)
    assert np.array_equal(seen, vector.normalize_obs(obs[0])) and abs(seen).max() == np.float32(0.9)
    player.act(obs), player.sampled(obs, None)
    assert (vector.obs_rms.mean == before[0]).all() and (vector.obs_rms.var == before[1]).all()
    assert vector.obs_rms.count == before[2]


def drawn_twice(name, env_id, obs, **biases):
    """By our policy and by the library's own, from a network that has preferences."""
    algorithm = small(name, env_id).algorithm
    for layer, bias in biases.items():
        algorithm.network.get_submodule(layer).bias.data += torch.tensor(bias)
    before = torch.get_rng_state()
    with algorithm.streams.only("evaluate"):
        drawn = algorithm.policy("sampled")(obs, None)
    assert torch.equal(before, torch.get_rng_state())
    theirs = algorithm.network.predict(obs[0], deterministic=False)[0]
    assert drawn.shape == (1, *theirs.shape)
    return drawn[0], theirs


def test_sampled_actions_have_the_librarys_distribution_and_leave_torchs_generator_alone():
    ours, theirs = drawn_twice("ppo", BANDIT, np.ones((1, 20_000, 1), np.float32), action_net=[1.0, -1.0, 0.3, -0.5])
    shares = [np.bincount(drawn, minlength=4) / 20_000 for drawn in (ours, theirs)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02) and shares[0][0] > 0.4
    levels, obs = [0.1, 0.3, 0.5, 0.7, 0.9], np.full((1, 20_000, 3), 0.1, np.float32)
    for name, layer in (("a2c", "action_net"), ("trpo", "action_net"), ("sac", "actor.mu"), ("tqc", "actor.mu")):
        ours, theirs = drawn_twice(name, "Pendulum-v1", obs, **{layer: [0.6]})
        assert np.quantile(ours, levels) == pytest.approx(np.quantile(theirs, levels), abs=0.06)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_actions_keep_to_bounds_that_are_not_symmetric(name):
    played = small(name, TARGET)
    best = played.algorithm.act(np.ones((1, 3, 2), np.float32))
    assert best.shape == (1, 3, 3) and played.outcome.steps == 300


def test_a_parameter_out_of_range_is_refused():
    for name, params, said in (
        ("sac", {"ent_coef": "automatic"}, "ent_coef"),
        ("sac", {"ent_coef": -1.0}, "at least 0"),
        ("ppo", {"target_kl": 0}, "target_kl"),
        ("ppo", {"n_steps": 1}, "at least 2"),
        ("sac", {"ent_coef": "auto_0"}, "auto_0.1"),
        ("sac", {"train_freq": 0}, "train_freq must be at least 1"),
        ("td3", {"noise_type": "pink"}, "noise_type"),
        ("td3", {"train_freq": [1, "episodes"]}, "train_freq"),
        ("td3", {"train_freq": [1, "episode"], "n_envs": 2}, "needs n_envs 1, got 2"),
        ("ars", {"delta_std": "lin_0"}, "delta_std: should be above 0"),
        ("recurrent_ppo", {"shared_lstm": True}, "shared_lstm needs enable_critic_lstm: false"),
        ("tqc", {"n_quantiles": 2}, "must be below n_quantiles, 2"),
        ("ars", {"n_delta": 2, "n_top": 3}, "at most n_delta, 2"),
    ):
        with pytest.raises(Exception, match=said):
            configure(SPECS[name].load().Config, params, name)
    assert configure(SPECS["ppo"].load().Config, {"target_kl": None, "clip_range_vf": 0.1}, "ppo").target_kl is None


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("dqn", {"train_freq": [4, "step"]}, {"train_freq": 4}),
        ("dqn", {"train_freq": [2, "episode"]}, {"train_freq": (2, "episode")}),
        ("sac", {"ent_coef": "auto_0.10"}, {"ent_coef": "auto_0.1"}),
        ("tqc", {"ent_coef": 1}, {"ent_coef": 1.0}),
        (
            "ppo",
            {"clip_range": "lin_0.20", "learning_rate": "lin_3e-4"},
            {"clip_range": "lin_0.2", "learning_rate": "lin_0.0003"},
        ),
    ],
)
def test_what_can_be_written_in_two_ways_is_kept_in_one(name, given, kept):
    Config = SPECS[name].load().Config
    found = configure(Config, given, name)
    assert found == configure(Config, kept, name) and {n: getattr(found, n) for n in kept} == kept


@pytest.mark.slow
def test_ppo_finds_the_best_arm():
    played = small("ppo", BANDIT, steps=2000, learning_rate=1e-2)
    assert played.algorithm.act(np.ones((1, 1, 1), np.float32))[0, 0] == 3


@pytest.mark.parametrize(
    ("name", "env_id", "expected"),
    [
        ("dqn", "CartPole-v1", {"td_loss"}),
        ("sac", "Pendulum-v1", {"actor_loss", "critic_loss", "alpha", "ent_coef_loss"}),
        ("ppo", "CartPole-v1", {"policy_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction", "loss",
                                "explained_variance", "clip_range"}),
    ],
)  # fmt: skip
def test_what_the_library_logs_is_passed_on(name, env_id, expected, monkeypatch):
    recorded = []
    spied = MetricLogger.record
    monkeypatch.setattr(
        MetricLogger,
        "record",
        lambda self, key, value, exclude=None: recorded.append((key, value)) or spied(self, key, value),
    )
    algorithm = SPECS[name].load()
    small = {"n_steps": 20, "batch_size": 20} if name == "ppo" else {"learning_starts": 20, "train_freq": 10}
    played = play(algorithm, configure(algorithm.Config, small, name), env_id, [0], 60, every=60)
    assert {m.name for m in played.sink.metrics} == expected and {m.step for m in played.sink.metrics} == {60}
    first = {"dqn": "train/loss", "sac": "train/ent_coef", "ppo": "train/policy_gradient_loss"}[name]
    of_name = {"dqn": "td_loss", "sac": "alpha", "ppo": "policy_loss"}[name]
    (mean,) = (m.value for m in played.sink.metrics if m.name == of_name)
    values = [float(value) for key, value in recorded if key == first]
    # What follows the evaluation at the last step is not in its mean.
    assert any(mean == pytest.approx(np.mean(values[:n])) for n in (len(values), len(values) - 1))
