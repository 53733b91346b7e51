"""Stable-Baselines3's DQN: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import DQN
from stable_baselines3.dqn.policies import DQNPolicy

from rlbench import setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import EpsilonGreedy


@dataclass(frozen=True)
class StableBaselinesDQNConfig(EpsilonGreedy):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    max_grad_norm: float = setting(10.0, "largest norm of the gradient", gt=0)


class StableBaselinesDQN(Foreign):
    Config = StableBaselinesDQNConfig
    library, network_class = DQN, DQNPolicy
