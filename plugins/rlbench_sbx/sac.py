"""SBX's SAC: the library's own training loop on metered environments.

Source: Raffin et al. 2021, and its SBX. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Entropic
from sbx import SAC
from sbx.sac.policies import SACPolicy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxLibraryAlgorithm


@dataclass(frozen=True)
class SbxSACConfig(Critics, Entropic):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    n_critics: int = setting(2, "number of critics", ge=1)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(1, "critic updates per actor update", ge=1)


class SbxSAC(JaxLibraryAlgorithm):
    Config = SbxSACConfig
    library, network_class, stochastic = SAC, SACPolicy, True
