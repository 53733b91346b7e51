"""Stable-Baselines3's SAC: the library's own training loop on metered environments.

Source: Raffin et al. 2021. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import SAC
from stable_baselines3.sac.policies import SACPolicy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Entropic


@dataclass(frozen=True)
class StableBaselinesSACConfig(Entropic):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    n_critics: int = setting(2, "number of critics", ge=1)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    target_update_interval: int = setting(1, "updates between target updates", ge=1)


class StableBaselinesSAC(LibraryAlgorithm):
    Config = StableBaselinesSACConfig
    library, network_class, stochastic = SAC, SACPolicy, True
