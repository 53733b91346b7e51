"""The side of Stable-Baselines3, and the parts that SBX shares with it. Source: Raffin et al. 2021."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import sb3_contrib
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from benchmarks.speed.turnstile import Turnstile
from benchmarks.speed.works import Side, Work
from rlbench.envs.image_observation import ImageObservation
from rlbench.envs.partial_observation import PartialObservation

ENDLESS = 1 << 40


class AtTheTurnstile(BaseCallback):
    """Passes the turnstile before each rollout, that is, after the updates of the last one."""

    def __init__(self, turnstile: Turnstile) -> None:
        super().__init__()
        self._turnstile = turnstile

    def _on_rollout_start(self) -> None:
        self._turnstile.passed(self.num_timesteps)

    def _on_step(self) -> bool:
        return True


class MinAtarFeatures(BaseFeaturesExtractor):
    """The network of rlbench for small images: 16 kernels of 3 × 3, then one hidden layer. It has no layer of its own
    for the policy or the value before their last ones.
    """

    def __init__(self, space: Any, units: int) -> None:
        super().__init__(space, units)
        channels, height, width = space.shape
        hidden = nn.Linear(16 * (height - 2) * (width - 2), units)
        self.layers = nn.Sequential(nn.Conv2d(channels, 16, 3), nn.ReLU(), nn.Flatten(), hidden, nn.ReLU())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.layers(images)
        return features


def arguments(library: type[Any], work: Work) -> dict[str, Any]:
    """Return the constructor's keyword arguments for a work, as far as it accepts them."""
    known = inspect.signature(library).parameters
    passed = {name: value for name, value in work.config.items() if name in known}
    if work.config.get("noise_type") == "normal":
        passed["action_noise"] = NormalActionNoise(np.zeros(1), np.full(1, work.config["noise_std"]))
    return passed


def learn(library: type[Any], work: Work, turnstile: Turnstile, **given: Any) -> None:
    """Train one seed until the process ends."""
    warnings.filterwarnings("ignore")
    wrapper: Any = ImageObservation if work.images else PartialObservation if work.keep else None
    kept = {"wrapper_kwargs": {"keep": work.keep}} if work.keep else {}
    envs = make_vec_env(work.env_id, work.num_envs, seed=0, wrapper_class=wrapper, **kept)
    policy = "MlpLstmPolicy" if "lstm_hidden_size" in work.config else "CnnPolicy" if work.images else "MlpPolicy"
    model = library(policy, envs, seed=0, **arguments(library, work), **given)
    model.learn(ENDLESS, AtTheTurnstile(turnstile), log_interval=None)


def play(side: Side, work: Work, turnstile: Turnstile) -> None:
    torch.set_num_threads(1)
    activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[work.config["activation_fn"]]
    network: dict[str, Any] = {"net_arch": list(work.config["net_arch"]), "activation_fn": activation}
    if work.images:
        width = {"units": work.config["net_arch"][0]}
        network = {"net_arch": [], "features_extractor_class": MinAtarFeatures, "features_extractor_kwargs": width}
    if work.algorithm == "recurrent_ppo":
        network["lstm_hidden_size"] = work.config["lstm_hidden_size"]
        learn(sb3_contrib.RecurrentPPO, work, turnstile, policy_kwargs=network, device="cpu")
        return
    library = getattr(stable_baselines3, work.algorithm.upper())
    learn(library, work, turnstile, policy_kwargs=network, device="cpu")
