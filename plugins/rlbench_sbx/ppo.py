"""SBX's PPO: a foreign loop through the metered boundary.

Source: Raffin et al. 2021, and its SBX; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Clipped
from sbx import PPO
from sbx.ppo.policies import PPOPolicy

from rlbench import setting
from rlbench_sbx.foreign import JaxForeign


@dataclass(frozen=True)
class SbxPPOConfig(Clipped):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    ortho_init: bool = setting(False, "orthogonal initialisation")
    target_kl: float | None = setting(
        None, "KL divergence towards which the learning rate is adapted; none: as it says", gt=0
    )


class SbxPPO(JaxForeign):
    Config = SbxPPOConfig
    library, network_class, stochastic = PPO, PPOPolicy, True
    build = ("max_grad_norm",)
