"""Stable-Baselines3's PPO: the library's own training loop on metered environments.

Source: Raffin et al. 2021. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import TaskInfo, setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Clipped, scheduled


@dataclass(frozen=True)
class StableBaselinesPPOConfig(Clipped):
    """The library's constructor arguments and defaults, in the library's units."""

    clip_range_vf: float | str | None = setting(
        None, "maximum change of a value; lin_0.2: falls to 0; none: not clipped", gt=0, schedule=True
    )
    target_kl: float | None = setting(None, "KL divergence above which a rollout's updates stop; none: never", gt=0)

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        clip_range_vf = None if self.clip_range_vf is None else scheduled(self.clip_range_vf)
        return super().arguments(task) | {"clip_range_vf": clip_range_vf}


class StableBaselinesPPO(LibraryAlgorithm):
    Config = StableBaselinesPPOConfig
    library, network_class, stochastic = PPO, ActorCriticPolicy, True
