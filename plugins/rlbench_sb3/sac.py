"""Stable-Baselines3's SAC: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import SAC
from stable_baselines3.sac.policies import SACPolicy

from rlbench import setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import Entropic


@dataclass(frozen=True)
class StableBaselinesSACConfig(Entropic):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_critics: int = setting(2, "critics", ge=1)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)
    target_update_interval: int = setting(1, "updates between target updates", ge=1)


class StableBaselinesSAC(Foreign):
    Config = StableBaselinesSACConfig
    library, network_class, stochastic = SAC, SACPolicy, True
