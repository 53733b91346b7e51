"""Stable-Baselines3's A2C: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import A2C
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import PolicyGradient


@dataclass(frozen=True)
class StableBaselinesA2CConfig(PolicyGradient):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    learning_rate: float | str = setting(
        7e-4, "the optimiser's learning rate; lin_7e-4: falls to 0", gt=0, schedule=True
    )
    n_steps: int = setting(5, "steps of each environment in a rollout", ge=1)
    gae_lambda: float = setting(1.0, "GAE's lambda", ge=0, le=1)
    normalize_advantage: bool = setting(False, "scale the advantages of a rollout")
    rms_prop_eps: float = setting(1e-5, "RMSprop's epsilon", gt=0)
    use_rms_prop: bool = setting(True, "RMSprop rather than Adam")


class StableBaselinesA2C(Foreign):
    Config = StableBaselinesA2CConfig
    library, network_class, stochastic = A2C, ActorCriticPolicy, True
