"""SBX's CrossQ: a foreign loop through the metered boundary.

Source: Bhatt et al. 2024, arXiv:1902.05605; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from rlbench_sb3.parameters import Entropic
from sbx import CrossQ
from sbx.crossq.policies import CrossQPolicy

from rlbench import setting
from rlbench_sbx.foreign import Critics, JaxForeign


@dataclass(frozen=True)
class SbxCrossQConfig(Critics, Entropic):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_critics: int = setting(2, "critics", ge=1)
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    policy_delay: int = setting(3, "critic updates to one of the actor", ge=1)
    batch_norm: bool = setting(True, "batch renormalisation in the critics")
    batch_norm_actor: bool = setting(True, "and in the actor")
    batch_norm_momentum: float = setting(0.99, "of the running statistics", gt=0, lt=1)
    renorm_warmup_steps: int = setting(100_000, "updates before renormalisation", ge=0)


class SbxCrossQ(JaxForeign):
    Config = SbxCrossQConfig
    library, network_class, stochastic = CrossQ, CrossQPolicy, True
