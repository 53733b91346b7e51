"""SBX's SAC: a foreign loop through the metered boundary.

Source: Raffin et al. 2021, and its SBX; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Entropic
from sbx import SAC
from sbx.sac.policies import SACPolicy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxForeign


@dataclass(frozen=True)
class SbxSACConfig(Critics, Entropic):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_critics: int = setting(2, "critics", ge=1)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(1, "critic updates to one of the actor", ge=1)


class SbxSAC(JaxForeign):
    Config = SbxSACConfig
    library, network_class, stochastic = SAC, SACPolicy, True
