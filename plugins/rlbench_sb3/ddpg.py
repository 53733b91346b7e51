"""Stable-Baselines3's DDPG: the library's own training loop on metered environments.

Source: Raffin et al. 2021. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3 import DDPG
from stable_baselines3.td3.policies import TD3Policy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Continuous


@dataclass(frozen=True)
class StableBaselinesDDPGConfig(Continuous):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    net_arch: tuple[int, ...] = setting((400, 300), "units of the hidden layers of each network")
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)


class StableBaselinesDDPG(LibraryAlgorithm):
    Config = StableBaselinesDDPGConfig
    library, network_class = DDPG, TD3Policy

    def architecture(self) -> dict[str, Any]:
        return super().architecture() | {"n_critics": 1}
