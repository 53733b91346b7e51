"""sb3-contrib's TQC: the library's own training loop on metered environments.

Source: Kuznetsov et al. 2020, arXiv:2005.04269. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from sb3_contrib import TQC
from sb3_contrib.tqc.policies import TQCPolicy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Truncated


@dataclass(frozen=True)
class ContribTQCConfig(Truncated):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    n_critics: int = setting(2, "number of critics", ge=1)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    target_update_interval: int = setting(1, "updates between target updates", ge=1)


class ContribTQC(LibraryAlgorithm):
    Config = ContribTQCConfig
    library, network_class, stochastic = TQC, TQCPolicy, True
