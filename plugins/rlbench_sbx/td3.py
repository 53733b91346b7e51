"""SBX's TD3: the library's own training loop on metered environments.

Source: Fujimoto et al. 2018, arXiv:1802.09477. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Continuous
from sbx import TD3
from sbx.td3.policies import TD3Policy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxLibraryAlgorithm


@dataclass(frozen=True)
class SbxTD3Config(Critics, Continuous):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of each network")
    n_critics: int = setting(2, "number of critics", ge=1)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(2, "critic updates per update of the actor and all targets", ge=1)
    target_policy_noise: float = setting(0.2, "scale of the smoothing noise", ge=0)
    target_noise_clip: float = setting(0.5, "maximum size of the smoothing noise", ge=0)


class SbxTD3(JaxLibraryAlgorithm):
    Config = SbxTD3Config
    library, network_class = TD3, TD3Policy
