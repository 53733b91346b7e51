"""A name or value known from elsewhere is answered by what to write here; a name that leads nowhere is not."""

from dataclasses import dataclass
from typing import Literal

import pytest
from rlbench_a2c.a2c import A2C
from rlbench_ddpg.ddpg import DDPG
from rlbench_dqn.dqn import DQN
from rlbench_per_dqn.per_dqn import PERDQN
from rlbench_ppo.ppo import PPO
from rlbench_sac.sac import SAC

from rlbench import setting
from rlbench.api import PluginError
from rlbench.plugins import load_plugins, resolve
from rlbench.plugins.config_model import configure
from rlbench.plugins.parameter_names import CLEANRL, OLD, hint, named_as_now

OURS = (
    "a2c",
    "a3c",
    "crossq",
    "ddpg",
    "double_dqn",
    "dqn",
    "dueling_dqn",
    "ippo",
    "iql",
    "mappo",
    "per_dqn",
    "ppo",
    "qmix",
    "recurrent_ppo",
    "reinforce",
)
OURS += ("qrdqn", "rainbow", "sac", "td3", "tqc", "vdn")


@pytest.mark.parametrize(
    ("algorithm", "name", "said"),
    [
        (PPO, "lr", "it is called 'learning_rate' here"),
        (PPO, "horizon", "it is called 'n_steps' here"),
        (PPO, "lam", "it is called 'gae_lambda' here"),
        (PPO, "lr_schedule", "write learning_rate: lin_0.001"),
        (PPO, "value_weight", "write vf_coef: half of value_weight, because vf_coef weighs the whole squared error"),
        (A2C, "value_weight", "it is called 'vf_coef' here"),
        (A2C, "alpha", "it is called 'rms_prop_alpha' here"),
        (SAC, "alpha", "write ent_coef: 0.2 if it is fixed"),
        (PERDQN, "alpha", "it is called 'prioritized_replay_alpha' here"),
        (PERDQN, "n_step", "it is called 'multi_step_returns' here"),
        (PPO, "learning-rate", "it is called 'learning_rate' here"),
        (PPO, "num-minibatches", "write batch_size: n_envs · n_steps / num-minibatches"),
        (PPO, "vf-coef", "write vf_coef: half of vf-coef"),
        (PPO, "target-kl", "write target_kl: two thirds of it"),
        (PPO, "clip_coef", "it is called 'clip_range' here"),
        (DQN, "start-e", "it is called 'exploration_initial_eps' here"),
        (DQN, "target-network-frequency", "it is called 'target_update_interval' here"),
        (SAC, "q-lr", "it is called 'critic_learning_rate' here"),
        (SAC, "autotune", "write ent_coef: auto"),
        (SAC, "qf_learning_rate", "it is called 'critic_learning_rate' here"),
        (SAC, "dropout_rate", "it is called 'dropout' here"),
        (DDPG, "exploration-noise", "write noise_type: normal and noise_std"),
        (PPO, "n_timesteps", "it is the budget: `steps` of the environment"),
        (PPO, "normalize", "write normalize_obs and normalize_reward"),
        (DQN, "normalize", "the algorithm does not normalise"),
        (PPO, "env_wrapper", "it is `wrappers` of the environment"),
        (PPO, "policy_kwargs", "write its entries beside the other parameters"),
        (PPO, "use_sde", "state-dependent exploration (gSDE) is not supported"),
        (PPO, "n_setps", "did you mean 'n_steps'?"),
        (DQN, "horizon", "known: activation_fn"),
    ],
)
def test_an_unknown_name_is_answered_by_what_is_written_here(algorithm, name, said):
    with pytest.raises(PluginError) as error:
        configure(algorithm.Config, {name: 1}, "x")
    assert f"x.{name}: unknown parameter; {said}" in str(error.value)


@pytest.mark.parametrize(
    ("algorithm", "name", "value", "said"),
    [
        (PPO, "activation_fn", "nn.ReLU", "got 'nn.ReLU'; write relu"),
        (PPO, "activation_fn", "torch.nn.Tanh", "got 'torch.nn.Tanh'; write tanh"),
        (DDPG, "noise_type", "gaussian", "got 'gaussian'; write normal"),
        (DDPG, "noise_type", "ou", "got 'ou'; write ornstein-uhlenbeck"),
        (DDPG, "noise_type", None, "write none"),
        (PPO, "clip_range_vf", 0, "got 0; write null to switch it off"),
        (PPO, "target_kl", 0, "got 0; write null to switch it off"),
        (PPO, "net_arch", {"pi": [64], "vf": [64]}, "write one list for all networks, such as [64, 64]"),
        (PPO, "learning_rate", "linear", "such as 0.001, or lin_0.001"),
    ],
)
def test_a_value_known_from_elsewhere_is_answered_by_the_one_here(algorithm, name, value, said):
    with pytest.raises(PluginError) as error:
        configure(algorithm.Config, {name: value}, "x")
    assert str(error.value).startswith(f"x.{name}: ") and said in str(error.value)


def test_every_name_leads_to_a_parameter_that_there_is_and_none_hides_one():
    """No parameter of an algorithm here is called as another was, or is elsewhere."""
    pytest.importorskip("stable_baselines3")
    answers = resolve(load_plugins(), [(name, None) for name in (*OURS, "sb3/dqn", "sb3/sac", "sb3/ars")])
    known = {entry["name"] for answer in answers for entry in answer.schema}
    targets = {word.here for table in (OLD, CLEANRL) for words in table.values() for word in words} - {""}
    assert targets <= known and not set(OLD) & known


def test_a_name_that_leads_to_nothing_there_is_is_no_hint():
    assert hint("lr", ["gamma"]) == hint("horizon", ["batch_size"]) == hint("nothing", ["gamma"]) == ""


@dataclass(frozen=True)
class Config:
    net_arch: tuple[int, ...] = setting((64,), "units")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "of the layers")
    learning_rate: float | str = setting(1e-3, "a rate", gt=0, schedule=True)
    ent_coef: float | str = setting("auto", "a temperature")


def test_a_configuration_of_version_01_is_read_as_far_as_acting_needs_it():
    old = {"hidden": [8], "activation": "tanh", "lr": 0.1, "lr_schedule": "linear", "learn_alpha": True, "batch": 64}
    assert named_as_now(old, Config) == {"net_arch": [8], "activation_fn": "tanh", "learning_rate": 0.1}


def test_another_configuration_is_left_as_it_is():
    now = {"net_arch": [8], "unheard": 1}
    assert named_as_now(now, Config) == now
