"""SBX's TD3: a foreign loop through the metered boundary.

Source: Fujimoto et al. 2018, arXiv:1802.09477; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Continuous
from sbx import TD3
from sbx.td3.policies import TD3Policy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxForeign


@dataclass(frozen=True)
class SbxTD3Config(Critics, Continuous):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers, of each network")
    n_critics: int = setting(2, "critics", ge=1)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(2, "critic updates to one of the actor and of all targets", ge=1)
    target_policy_noise: float = setting(0.2, "scale of the smoothing noise", ge=0)
    target_noise_clip: float = setting(0.5, "its largest size", ge=0)


class SbxTD3(JaxForeign):
    Config = SbxTD3Config
    library, network_class = TD3, TD3Policy
