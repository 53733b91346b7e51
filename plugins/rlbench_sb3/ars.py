"""sb3-contrib's augmented random search: a foreign loop through the metered boundary.

Source: Mania et al. 2018, arXiv:1803.07055; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sb3_contrib import ARS
from sb3_contrib.ars.policies import ARSPolicy

from rlbench import TaskInfo, setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import Learner, scheduled


@dataclass(frozen=True)
class ContribARSConfig(Learner):
    """The library's constructor arguments and their defaults; durations are in its own units.

    Its MlpPolicy's; the paper's linear policy is `net_arch: [], with_bias: false, squash_output: false`.
    """

    learning_rate: float | str = setting(0.02, "length of a step; lin_0.02: falls to 0", gt=0, schedule=True)
    with_bias: bool = setting(True, "layers have biases")
    squash_output: bool = setting(True, "continuous actions are a tanh; otherwise clipped")
    n_delta: int = setting(8, "directions of an update, each tried both ways", ge=1)
    n_top: int | None = setting(None, "the best of them that are learned from; none: all", ge=1)
    delta_std: float | str = setting(
        0.05, "standard deviation of the parameters' noise; lin_0.05: falls to 0", gt=0, schedule=True
    )
    zero_policy: bool = setting(True, "parameters are 0 at first")
    alive_bonus_offset: float = setting(0.0, "what is added to each step's reward")
    n_eval_episodes: int = setting(1, "episodes of each direction", ge=1)

    def __post_init__(self) -> None:
        if self.n_top is not None and self.n_top > self.n_delta:
            raise ValueError(f"n_top must be at most n_delta, {self.n_delta}")

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        return super().arguments(task) | {"delta_std": scheduled(self.delta_std)}


class ContribARS(Foreign):
    Config = ContribARSConfig
    library, network_class = ARS, ARSPolicy
