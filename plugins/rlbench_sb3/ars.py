"""sb3-contrib's augmented random search: the library's own training loop on metered environments.

Source: Mania et al. 2018, arXiv:1803.07055. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sb3_contrib import ARS
from sb3_contrib.ars.policies import ARSPolicy

from rlbench import TaskInfo, setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Learner, scheduled


@dataclass(frozen=True)
class ContribARSConfig(Learner):
    """The library's constructor arguments and defaults, in the library's units.

    The defaults are those of the library's MlpPolicy. The paper's linear policy is
    `net_arch: [], with_bias: false, squash_output: false`.
    """

    learning_rate: float | str = setting(0.02, "step size; lin_0.02: falls to 0", gt=0, schedule=True)
    with_bias: bool = setting(True, "layers have biases")
    squash_output: bool = setting(True, "squash continuous actions by tanh; otherwise they are clipped")
    n_delta: int = setting(8, "directions per update, each tried with both signs", ge=1)
    n_top: int | None = setting(None, "best directions that an update uses; none: all", ge=1)
    delta_std: float | str = setting(
        0.05, "standard deviation of the parameters' noise; lin_0.05: falls to 0", gt=0, schedule=True
    )
    zero_policy: bool = setting(True, "initialise parameters to 0")
    alive_bonus_offset: float = setting(0.0, "constant added to each step's reward")
    n_eval_episodes: int = setting(1, "episodes per direction", ge=1)

    def __post_init__(self) -> None:
        if self.n_top is not None and self.n_top > self.n_delta:
            raise ValueError(f"n_top must be at most n_delta, {self.n_delta}")

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        return super().arguments(task) | {"delta_std": scheduled(self.delta_std)}


class ContribARS(LibraryAlgorithm):
    Config = ContribARSConfig
    library, network_class = ARS, ARSPolicy
