"""SBX's TQC: a foreign loop through the metered boundary.

Source: Kuznetsov et al. 2020, arXiv:2005.04269; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Truncated
from sbx import TQC
from sbx.tqc.policies import TQCPolicy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxForeign


@dataclass(frozen=True)
class SbxTQCConfig(Critics, Truncated):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(1, "critic updates to one of the actor", ge=1)


class SbxTQC(JaxForeign):
    Config = SbxTQCConfig
    library, network_class, stochastic = TQC, TQCPolicy, True
