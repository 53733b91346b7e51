"""SBX's TQC: the library's own training loop on metered environments.

Source: Kuznetsov et al. 2020, arXiv:2005.04269. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Truncated
from sbx import TQC
from sbx.tqc.policies import TQCPolicy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxLibraryAlgorithm


@dataclass(frozen=True)
class SbxTQCConfig(Critics, Truncated):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(1, "critic updates per actor update", ge=1)


class SbxTQC(JaxLibraryAlgorithm):
    Config = SbxTQCConfig
    library, network_class, stochastic = TQC, TQCPolicy, True
