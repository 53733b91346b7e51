"""SBX through the boundary: its own defaults, an exact budget, and a policy that can be played again (extra `sbx`)."""

import inspect

import numpy as np
import pytest
from rlbench_sbx import rlbench_algorithms

from rlbench import Device, EvaluationProtocol, SeedStreams, Task, TaskInfo
from rlbench.envs.gymnasium_backend import rlbench_env_backends
from rlbench.plugins.config_model import configure
from rlbench.runtime.evaluation import Evaluator
from rlbench.testing import play
from rlbench.testing.fakes import BANDIT

sbx = pytest.importorskip("sbx", reason="the extra `sbx` is not installed")

SPECS = {spec.name.removeprefix("sbx/"): spec for spec in rlbench_algorithms()}
LIBRARY = {name: getattr(sbx, "CrossQ" if name == "crossq" else name.upper()) for name in SPECS}
OFF = {"learning_starts": 60, "batch_size": 16, "buffer_size": 500, "net_arch": (16, 16)}
SMALL = {
    **dict.fromkeys(SPECS, OFF),
    "ppo": {"n_steps": 40, "batch_size": 20, "n_epochs": 2, "net_arch": (16,), "n_envs": 2},
}
DISCRETE, CONTINUOUS = ("dqn", "ppo"), ("ppo", "ddpg", "td3", "sac", "tqc", "crossq")
CASES = [*((name, "CartPole-v1") for name in DISCRETE), *((name, "Pendulum-v1") for name in CONTINUOUS)]
# What is left to the library's own defaults, and to the boundary.
LEFT_OUT = {"policy", "env", "verbose", "device", "seed", "policy_kwargs", "tensorboard_log", "stats_window_size"}
LEFT_OUT |= {"optimize_memory_usage", "use_sde", "sde_sample_freq", "use_sde_at_warmup", "_init_setup_model"}
LEFT_OUT |= {"replay_buffer_class", "replay_buffer_kwargs", "rollout_buffer_class", "rollout_buffer_kwargs"}
LEFT_OUT |= {"action_noise"}  # which noise_type and its numbers make
LEFT_OUT |= {"param_resets", "clip_range_vf"}  # a list of steps; the library takes the latter and never reads it


def small(name, env_id, seed=3, steps=240, every=0, **params):
    algorithm = SPECS[name].load()
    return play(algorithm, configure(algorithm.Config, SMALL[name] | params, name), env_id, [seed], steps, every=every)


@pytest.mark.parametrize("name", SPECS)
def test_defaults_are_the_librarys_own(name):
    known = inspect.signature(LIBRARY[name]).parameters
    network = inspect.signature(LIBRARY[name].policy_aliases["MlpPolicy"]).parameters
    config = SPECS[name].load().Config()
    fields = set(config.__dataclass_fields__)
    ours = {n: getattr(config, n) for n in fields if n in known}
    assert ours == {n: known[n].default for n in ours} and len(ours) >= 10
    theirs = {n: network[n].default for n in fields if n in network and (name, n) != ("ddpg", "n_critics")}
    assert theirs.pop("activation_fn") is SPECS[name].load().activations[config.activation_fn]
    assert theirs.pop("net_arch") is None and theirs == {n: getattr(config, n) for n in theirs}
    assert set(known) - set(config.__dataclass_fields__) == LEFT_OUT & set(known)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "env_id"), CASES)
def test_the_budget_is_exact_and_a_published_policy_plays_its_final_evaluation_again(name, env_id):
    normalized = {"normalize_obs": True, "normalize_reward": True}
    one, other = small(name, env_id, every=90, **normalized), small(name, env_id, **normalized)
    model = one.algorithm.model
    assert one.outcome.steps == model.num_timesteps == model._total_timesteps == 240
    assert [e.step for e in one.sink.evaluations] == [90, 180, 240]
    a, b = one.of_seed(3), other.of_seed(3)
    assert a["learned"] == b["learned"] and a["episodes"] == b["episodes"]  # evaluation changed nothing

    algorithm, backend = SPECS[name].load(), rlbench_env_backends()[0]
    task = Task(env_id, 240, EvaluationProtocol())
    env = backend.make_env(task)
    info = TaskInfo(env_id, env.observation_space, env.action_space, 2, 240)
    again = algorithm(configure(algorithm.Config, SMALL[name] | normalized, name), info, SeedStreams([3]), Device())
    again.load_final_state({n: array.copy() for n, array in one.algorithm.final_state().items()})
    evaluator = Evaluator(backend.make_batch(task, 2), 2, again.streams)
    assert tuple(evaluator.play(again.policy("greedy"), "final", 240, 2).returns[0]) == one.sink.evaluations[-1].returns
    if name in ("dqn", "ddpg", "td3"):
        with pytest.raises(ValueError, match="only 'greedy'"):
            again.policy("sampled")
        return
    first, second = (evaluator.play(again.policy("sampled"), "final", 240, 2).returns for _ in range(2))
    third = evaluator.play(again.policy("sampled"), "final", 241, 2).returns
    assert (first == second).all() and (first != third).any()


@pytest.mark.slow
def test_sampling_leaves_the_librarys_own_keys_alone():
    algorithm = small("sac", "Pendulum-v1", steps=70).algorithm
    network, obs = algorithm.network, np.full((1, 2, 3), 0.1, np.float32)
    before = np.asarray(network.key), np.asarray(network.noise_key)
    with algorithm.streams.only("evaluate"):
        drawn = algorithm.policy("sampled")(obs, None)
    assert drawn.shape == (1, 2, 1) and (drawn != algorithm.act(obs)).any()
    assert (np.asarray(network.key) == before[0]).all() and (np.asarray(network.noise_key) == before[1]).all()


def test_a_parameter_out_of_range_is_refused():
    for name, params, said in (
        ("sac", {"ent_coef": -1.0}, "at least 0"),
        ("dqn", {"train_freq": [1, "episode"], "n_envs": 2}, "needs n_envs 1, got 2"),
        ("tqc", {"n_quantiles": 2}, "must be below n_quantiles, 2"),
        ("dqn", {"net_arch": [64, 32]}, "two equal numbers"),
    ):
        with pytest.raises(Exception, match=said):
            configure(SPECS[name].load().Config, params, name)


@pytest.mark.slow
def test_ppo_finds_the_best_arm():
    played = small("ppo", BANDIT, steps=2000, learning_rate=1e-2)
    assert played.algorithm.act(np.ones((1, 1, 1), np.float32))[0, 0] == 3
