"""SBX's CrossQ: the library's own training loop on metered environments.

Source: Bhatt et al. 2024, arXiv:1902.05605. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Entropic
from sbx import CrossQ
from sbx.crossq.policies import CrossQPolicy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxLibraryAlgorithm


@dataclass(frozen=True)
class SbxCrossQConfig(Critics, Entropic):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    n_critics: int = setting(2, "number of critics", ge=1)
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    policy_delay: int = setting(3, "critic updates per actor update", ge=1)
    batch_norm: bool = setting(True, "batch renormalisation in the critics")
    batch_norm_actor: bool = setting(True, "batch renormalisation in the actor")
    batch_norm_momentum: float = setting(0.99, "decay of the running statistics", gt=0, lt=1)
    renorm_warmup_steps: int = setting(100_000, "updates before renormalisation", ge=0)


class SbxCrossQ(JaxLibraryAlgorithm):
    Config = SbxCrossQConfig
    library, network_class, stochastic = CrossQ, CrossQPolicy, True
