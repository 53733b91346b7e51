"""Stable-Baselines3's DDPG: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3 import DDPG
from stable_baselines3.td3.policies import TD3Policy

from rlbench import setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import Continuous


@dataclass(frozen=True)
class StableBaselinesDDPGConfig(Continuous):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((400, 300), "units of the hidden layers, of each network")
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)


class StableBaselinesDDPG(Foreign):
    Config = StableBaselinesDDPGConfig
    library, network_class = DDPG, TD3Policy

    def architecture(self) -> dict[str, Any]:
        return super().architecture() | {"n_critics": 1}
