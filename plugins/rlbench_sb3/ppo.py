"""Stable-Baselines3's PPO: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import TaskInfo, setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import Clipped, scheduled


@dataclass(frozen=True)
class StableBaselinesPPOConfig(Clipped):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    clip_range_vf: float | str | None = setting(
        None, "largest change of a value; lin_0.2: falls to 0; none: not clipped", gt=0, schedule=True
    )
    target_kl: float | None = setting(None, "KL divergence beyond which a rollout's updates end; none: never", gt=0)

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        values = None if self.clip_range_vf is None else scheduled(self.clip_range_vf)
        return super().arguments(task) | {"clip_range_vf": values}


class StableBaselinesPPO(Foreign):
    Config = StableBaselinesPPOConfig
    library, network_class, stochastic = PPO, ActorCriticPolicy, True
