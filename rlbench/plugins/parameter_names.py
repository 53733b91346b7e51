"""Translate names and values of parameters from other libraries, or from version 0.1, into those used here.

Parameters here have Stable-Baselines3's names. The tables translate CleanRL's names, with - or _ between the words, and
the keys of the zoo and of Stable-Baselines3 that are not parameters of an algorithm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple


class Word(NamedTuple):
    """Meaning of a foreign name. here: our parameter, or "" if there is none. advice: what to do beyond renaming."""

    here: str
    advice: str = ""
    beside: str = ""  # this meaning holds only if the algorithm has this parameter too


# -- version 0.1 --------------------------------------------------------------------------------------------------
OLD: dict[str, tuple[Word, ...]] = {
    "num_envs": (Word("n_envs"),),
    "num_workers": (Word("n_workers"),),
    "hidden": (Word("net_arch"),),
    "activation": (Word("activation_fn"),),
    "lr": (Word("learning_rate"),),
    "lr_schedule": (
        Word("learning_rate", "write learning_rate: lin_0.001 for a rate that falls to 0 over the budget"),
    ),
    "critic_lr": (Word("critic_learning_rate"),),
    "value_lr": (Word("value_learning_rate"),),
    "batch": (Word("batch_size"),),
    "capacity": (Word("buffer_size"),),
    "warmup": (Word("learning_starts"),),
    "train_every": (Word("train_freq"),),
    "target_every": (Word("target_update_interval"),),
    "epsilon_start": (Word("exploration_initial_eps"),),
    "epsilon_end": (Word("exploration_final_eps"),),
    "epsilon_fraction": (Word("exploration_fraction"),),
    "epsilon_schedule": (Word("exploration_schedule"),),
    "n_step": (Word("multi_step_returns"),),
    "alpha": (
        Word("prioritized_replay_alpha"),
        Word("rms_prop_alpha"),
        Word("ent_coef", "write ent_coef: 0.2 if it is fixed, or auto_0.2 if it is learned and starts at 0.2"),
    ),
    "beta": (Word("prioritized_replay_beta0"),),
    "priority_floor": (Word("prioritized_replay_eps"),),
    "horizon": (Word("n_steps"),),
    "epochs": (Word("n_epochs"),),
    "lam": (Word("gae_lambda"),),
    "clip": (Word("clip_range"),),
    "clip_schedule": (Word("clip_range", "write clip_range: lin_0.2 for a range that falls to 0 over the budget"),),
    "value_clip": (Word("clip_range_vf", "it is called clip_range_vf here; null switches clipping off"),),
    "value_weight": (
        Word(
            "vf_coef",
            "write vf_coef: half of value_weight, because vf_coef weighs the whole squared error",
            "clip_range",
        ),
        Word("vf_coef"),
    ),
    "entropy_weight": (Word("ent_coef"),),
    "optimizer": (Word("use_rms_prop", "write use_rms_prop: true for rmsprop, false for adam"),),
    "eps": (Word("rms_prop_eps"),),
    "rms_eps": (Word("rms_prop_eps"),),
    "eps_inside": (Word("rms_prop_tf_like"),),
    "learn_alpha": (Word("ent_coef", "write ent_coef: auto (learned), auto_0.1 (learned, starts at 0.1) or a number"),),
    "ent_coef_init": (Word("ent_coef", "write ent_coef: auto_0.1 if it is learned and starts at 0.1"),),
    "action_noise": (Word("noise_type", "write noise_type: normal, ornstein-uhlenbeck or none"),),
    "sigma": (Word("noise_std"),),
    "noise_sigma": (Word("noise_std"),),
    "theta": (Word("noise_theta"),),
    "dt": (Word("noise_dt"),),
    "target_noise": (Word("target_policy_noise"),),
    "train_freq_unit": (Word("train_freq", "write train_freq: [1, episode] for the unit episode"),),
    "delta_std_schedule": (Word("delta_std", "write delta_std: lin_0.05 for a value that falls to 0 over the budget"),),
}

# -- CleanRL ------------------------------------------------------------------------------------------------------
_BUDGET = (Word("", "it is the budget: `steps` of the environment"),)
_SUITE_SEEDS = (Word("", "it is `seeds` of the suite"),)
_SUITE_DEVICES = (Word("", "it is `devices` of the suite"),)
CLEANRL: dict[str, tuple[Word, ...]] = {
    "total_timesteps": _BUDGET,
    "env_id": (Word("", "it is `id` of an entry of environments"),),
    "seed": _SUITE_SEEDS,
    "cuda": _SUITE_DEVICES,
    "num_steps": (Word("n_steps"),),
    "num_minibatches": (Word("batch_size", "write batch_size: n_envs · n_steps / num-minibatches"),),
    "update_epochs": (Word("n_epochs"),),
    "clip_coef": (Word("clip_range"),),
    "clip_vloss": (Word("clip_range_vf", "write clip_range_vf: 0.2, or null if clip-vloss is false"),),
    "vf_coef": (Word("vf_coef", "write vf_coef: half of vf-coef, which weighs half the squared error", "clip_range"),),
    "target_kl": (Word("target_kl", "write target_kl: two thirds of it, because updates end at 1.5 · target_kl here"),),
    "anneal_lr": (Word("learning_rate", "write learning_rate: lin_2.5e-4 if anneal-lr is true"),),
    "norm_adv": (Word("normalize_advantage"),),
    "train_frequency": (Word("train_freq"),),
    "target_network_frequency": (Word("target_update_interval"),),
    "start_e": (Word("exploration_initial_eps"),),
    "end_e": (Word("exploration_final_eps"),),
    "policy_lr": (Word("learning_rate"),),
    "q_lr": (Word("critic_learning_rate"),),
    "autotune": (Word("ent_coef", "write ent_coef: auto if autotune is true, else the number of alpha"),),
    "alpha": (Word("ent_coef", "write ent_coef: 0.2 if autotune is false, else auto"),),
    "policy_frequency": (Word("policy_delay"),),
    "exploration_noise": (Word("noise_std", "write noise_type: normal and noise_std"),),
    "policy_noise": (Word("target_policy_noise"),),
    "noise_clip": (Word("target_noise_clip"),),
}

# -- the zoo and Stable-Baselines3, beside an algorithm's parameters -----------------------------------------------
_NO_SDE = (Word("", "state-dependent exploration (gSDE) is not supported"),)
_NO_BUFFER = (Word("", "the replay buffer is the algorithm's own; buffer_size is its length"),)
_NOWHERE = (Word("", "leave it out: it changes no number, and everything is recorded"),)
ZOO: dict[str, tuple[Word, ...]] = {
    "n_timesteps": _BUDGET,
    "normalize": (
        Word("normalize_obs", "write normalize_obs and normalize_reward; `normalize: true` means both"),
        Word("", "the algorithm does not normalise observations and rewards; a wrapper of the environment may"),
    ),
    "norm_obs": (Word("normalize_obs"),),
    "norm_reward": (Word("normalize_reward"),),
    "env_wrapper": (Word("", "it is `wrappers` of the environment"),),
    "vec_env_wrapper": (Word("", "write what it does as `wrappers` of the environment"),),
    "frame_stack": (Word("", "it is one of `wrappers` of the environment: gymnasium.wrappers:FrameStackObservation"),),
    "policy": (Word("", "leave it out: the environment's observations determine it; net_arch sets its layers"),),
    "policy_kwargs": (Word("", "write its entries beside the other parameters, as net_arch and activation_fn"),),
    "qf_learning_rate": (Word("critic_learning_rate"),),
    "dropout_rate": (Word("dropout"),),
    "use_sde": _NO_SDE,
    "sde_sample_freq": _NO_SDE,
    "use_sde_at_warmup": _NO_SDE,
    "ortho_init": (Word("", "leave it out: weights are always initialised as by default in Stable-Baselines3"),),
    "replay_buffer_class": _NO_BUFFER,
    "replay_buffer_kwargs": _NO_BUFFER,
    "optimize_memory_usage": _NO_BUFFER,
    "seed": _SUITE_SEEDS,
    "device": _SUITE_DEVICES,
    "verbose": _NOWHERE,
    "tensorboard_log": _NOWHERE,
    "callback": _NOWHERE,
}

_VALUES = {
    "gaussian": "normal",
    "ou": "ornstein-uhlenbeck",
    "ornstein_uhlenbeck": "ornstein-uhlenbeck",
    "relu": "relu",
    "tanh": "tanh",
}
_OFF_BY_NOTHING = ("clip_range_vf", "target_kl")


def hint(name: str, known: Collection[str]) -> str:
    """Return a hint for a name that is not a parameter, such as "; it is called …", or "" if the name is unknown.

    known: the parameters that exist. There is no hint for a name whose meaning is not among them.
    """
    plain = name.replace("-", "_")
    words = [word for table in (OLD, CLEANRL, ZOO) for word in table.get(plain, ())]
    for word in [*words, Word(plain)] if plain != name else words:
        if (not word.here or word.here in known) and (not word.beside or word.beside in known):
            return f"; {word.advice or f'it is called {word.here!r} here'}"
    return ""


def value_hint(name: str, value: Any, choices: Collection[str] = ()) -> str:
    """Return what to write instead of a value that a parameter does not accept, as in "; write …", or ""."""
    if name == "net_arch" and isinstance(value, (Mapping, Sequence)) and not isinstance(value, str):
        return "; write one list for all networks, such as [64, 64]"
    if name in _OFF_BY_NOTHING and isinstance(value, (int, float)) and value <= 0:
        return "; write null to switch it off"
    if value is None and "none" in choices:
        return "; write none"
    here = _VALUES.get(str(value).rpartition(".")[2].lower(), "")
    return f"; write {here}" if here in choices else ""


def is_old(config: Mapping[str, Any], now: Collection[str]) -> bool:
    """Return whether a stored configuration has names of version 0.1. now: the present names."""
    return any(name in OLD and name not in now for name in config)


def named_as_now(config: Mapping[str, Any], now: type[Any]) -> dict[str, Any]:
    """Return a stored configuration with its parameters renamed to the present names.

    It suffices to play the policy: settings of training that version 0.1 stored in another form are left out. Unknown
    names stay, so that Config rejects them.
    """
    known = {field.name for field in dataclasses.fields(now)}
    if not is_old(config, known):
        return dict(config)
    renamed = {name: value for name, value in config.items() if name in known or name not in OLD}
    for name, value in config.items():
        words = OLD.get(name, ()) if name not in known else ()
        here = next((word for word in words if word.here in known), None)
        if here and not here.advice:
            renamed.setdefault(here.here, value)
    return renamed
