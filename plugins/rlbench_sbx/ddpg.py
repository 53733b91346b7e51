"""SBX's DDPG: the library's own training loop on metered environments.

Source: Lillicrap et al. 2016, arXiv:1509.02971. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Continuous
from sbx import DDPG
from sbx.td3.policies import TD3Policy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxLibraryAlgorithm


@dataclass(frozen=True)
class SbxDDPGConfig(Critics, Continuous):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of each network")
    n_critics: int = setting(1, "number of critics", ge=1)
    qf_learning_rate: float | None = setting(1e-3, "the critic's learning rate; none: learning_rate", gt=0)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)


class SbxDDPG(JaxLibraryAlgorithm):
    Config = SbxDDPGConfig
    library, network_class = DDPG, TD3Policy
