"""SBX's PPO: the library's own training loop on metered environments.

Source: Raffin et al. 2021, and its SBX. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Clipped
from sbx import PPO
from sbx.ppo.policies import PPOPolicy

from rlbench import setting
from rlbench_sbx.foreign import JaxLibraryAlgorithm


@dataclass(frozen=True)
class SbxPPOConfig(Clipped):
    """The library's constructor arguments and defaults, in the library's units."""

    ortho_init: bool = setting(False, "orthogonal initialisation")
    target_kl: float | None = setting(
        None, "KL divergence to which the learning rate is adapted; none: not adapted", gt=0
    )


class SbxPPO(JaxLibraryAlgorithm):
    Config = SbxPPOConfig
    library, network_class, stochastic = PPO, PPOPolicy, True
    build = ("max_grad_norm",)
