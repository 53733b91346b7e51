"""sb3-contrib's TQC: a foreign loop through the metered boundary.

Source: Kuznetsov et al. 2020, arXiv:2005.04269; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from sb3_contrib import TQC
from sb3_contrib.tqc.policies import TQCPolicy

from rlbench import setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import Truncated


@dataclass(frozen=True)
class ContribTQCConfig(Truncated):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_critics: int = setting(2, "critics", ge=1)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)
    target_update_interval: int = setting(1, "updates between target updates", ge=1)


class ContribTQC(Foreign):
    Config = ContribTQCConfig
    library, network_class, stochastic = TQC, TQCPolicy, True
