"""SBX's DDPG: a foreign loop through the metered boundary.

Source: Lillicrap et al. 2016, arXiv:1509.02971; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Continuous
from sbx import DDPG
from sbx.td3.policies import TD3Policy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxForeign


@dataclass(frozen=True)
class SbxDDPGConfig(Critics, Continuous):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers, of each network")
    n_critics: int = setting(1, "critics", ge=1)
    qf_learning_rate: float | None = setting(1e-3, "the critic's learning rate; none: learning_rate", gt=0)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)


class SbxDDPG(JaxForeign):
    Config = SbxDDPGConfig
    library, network_class = DDPG, TD3Policy
