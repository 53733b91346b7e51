"""Stable-Baselines3's DQN: the library's own training loop on metered environments.

Source: Raffin et al. 2021. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from stable_baselines3 import DQN
from stable_baselines3.dqn.policies import DQNPolicy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import EpsilonGreedy


@dataclass(frozen=True)
class StableBaselinesDQNConfig(EpsilonGreedy):
    """The library's arguments and defaults. train_freq and learning_starts are counted in the library's units."""

    max_grad_norm: float = setting(10.0, "maximum norm of the gradient", gt=0)


class StableBaselinesDQN(LibraryAlgorithm):
    Config = StableBaselinesDQNConfig
    library, network_class, loss_name = DQN, DQNPolicy, "td_loss"
