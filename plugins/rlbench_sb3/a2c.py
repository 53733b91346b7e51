"""Stable-Baselines3's A2C: the library's own training loop on metered environments.

Source: Raffin et al. 2021. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import A2C
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import PolicyGradient


@dataclass(frozen=True)
class StableBaselinesA2CConfig(PolicyGradient):
    """The library's constructor arguments and defaults, in the library's units."""

    learning_rate: float | str = setting(
        7e-4, "the optimiser's learning rate; lin_7e-4: falls to 0", gt=0, schedule=True
    )
    n_steps: int = setting(5, "steps of each environment in a rollout", ge=1)
    gae_lambda: float = setting(1.0, "GAE's lambda", ge=0, le=1)
    normalize_advantage: bool = setting(False, "normalise the advantages of a rollout")
    rms_prop_eps: float = setting(1e-5, "RMSprop's epsilon", gt=0)
    use_rms_prop: bool = setting(True, "RMSprop instead of Adam")


class StableBaselinesA2C(LibraryAlgorithm):
    Config = StableBaselinesA2CConfig
    library, network_class, stochastic = A2C, ActorCriticPolicy, True
