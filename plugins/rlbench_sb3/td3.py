"""Stable-Baselines3's TD3: the library's own training loop on metered environments.

Source: Raffin et al. 2021. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import TD3
from stable_baselines3.td3.policies import TD3Policy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Continuous


@dataclass(frozen=True)
class StableBaselinesTD3Config(Continuous):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    net_arch: tuple[int, ...] = setting((400, 300), "units of the hidden layers of each network")
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    n_critics: int = setting(2, "number of critics", ge=1)
    policy_delay: int = setting(2, "critic updates per update of the actor and the targets", ge=1)
    target_policy_noise: float = setting(0.2, "standard deviation of the noise on target actions", ge=0)
    target_noise_clip: float = setting(0.5, "maximum noise on target actions", ge=0)


class StableBaselinesTD3(LibraryAlgorithm):
    Config = StableBaselinesTD3Config
    library, network_class = TD3, TD3Policy
