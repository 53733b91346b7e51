"""Hyperparameters of rlbench's algorithms in the words of Stable-Baselines3, so that X and sb3/X can be given the same numbers.

What they cannot say alike (a schedule of epsilon that is not linear, say) is left out. docs/hyperparameters.md names what
differs beside numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "sb3/"
_NAMES = {
    "num_envs": "num_envs",
    "hidden": "net_arch",
    "activation": "activation",
    "lr": "learning_rate",
    "lr_schedule": "lr_schedule",
    "gamma": "gamma",
    "tau": "tau",
    "batch": "batch_size",
    "capacity": "buffer_size",
    "warmup": "learning_starts",
    "train_every": "train_freq",
    "gradient_steps": "gradient_steps",
    "target_every": "target_update_interval",
    "epsilon_start": "exploration_initial_eps",
    "epsilon_end": "exploration_final_eps",
    "epsilon_fraction": "exploration_fraction",
    "max_grad_norm": "max_grad_norm",
    "horizon": "n_steps",
    "epochs": "n_epochs",
    "lam": "gae_lambda",
    "clip": "clip_range",
    "clip_schedule": "clip_schedule",
    "entropy_weight": "ent_coef",
    "log_std_init": "log_std_init",
    "normalize_advantage": "normalize_advantage",
    "normalize_obs": "normalize_obs",
    "normalize_reward": "normalize_reward",
    "policy_delay": "policy_delay",
    "target_noise": "target_policy_noise",
    "target_noise_clip": "target_noise_clip",
    "sigma": "noise_sigma",
}
_NOISE = {"gaussian": "normal", "ou": "ornstein-uhlenbeck", "none": "none"}


def in_their_words(algorithm: str, config: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the whole configuration of one of rlbench's algorithms to that of sb3/ALGORITHM.

    known: theirs, with defaults; a name that they do not have is left out.
    """
    found = {theirs: config[ours] for ours, theirs in _NAMES.items() if ours in config}
    if "value_weight" in config:  # ppo here takes half of the squared error, theirs the whole
        found["vf_coef"] = config["value_weight"] * (0.5 if algorithm == "ppo" else 1.0)
    if "action_noise" in config:
        found["action_noise"] = _NOISE.get(config["action_noise"])
    for ours, theirs in (("value_clip", "clip_range_vf"), ("target_kl", "target_kl")):
        if ours in config:
            found[theirs] = config[ours] or None  # 0 is off here, nothing is off there
    if "learn_alpha" in config:
        found["ent_coef"] = "auto" if config["learn_alpha"] else str(config["alpha"])
        found["ent_coef_init"] = config["alpha"]
    if algorithm == "a2c":
        found["rms_prop_eps"], found["use_rms_prop"] = config["eps"], config["optimizer"] == "rmsprop"
    return {name: value for name, value in found.items() if name in known and value is not None}
