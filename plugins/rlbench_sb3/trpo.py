"""sb3-contrib's TRPO: the library's own training loop on metered environments.

Source: Schulman et al. 2015, arXiv:1502.05477. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

from dataclasses import dataclass

from sb3_contrib import TRPO
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import setting
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import OnPolicy, check_rollout


@dataclass(frozen=True)
class ContribTRPOConfig(OnPolicy):
    """The library's constructor arguments and defaults, in the library's units."""

    learning_rate: float | str = setting(
        1e-3, "Adam's learning rate for the value network; lin_1e-3: falls to 0", gt=0, schedule=True
    )
    batch_size: int = setting(128, "steps per minibatch of the value network", ge=2)
    cg_max_steps: int = setting(15, "steps of the conjugate gradient method", ge=1)
    cg_damping: float = setting(0.1, "constant added to the Hessian's diagonal", ge=0)
    line_search_shrinking_factor: float = setting(0.8, "factor that shortens a rejected step", gt=0, lt=1)
    line_search_max_iter: int = setting(10, "steps of the line search", ge=1)
    n_critic_updates: int = setting(10, "passes over a rollout for the value network", ge=1)
    target_kl: float = setting(0.01, "maximum KL divergence of an update", gt=0)
    sub_sampling_factor: int = setting(1, "the policy's update uses one of this many steps of a rollout", ge=1)

    def __post_init__(self) -> None:
        check_rollout(self.n_envs * self.n_steps)


class ContribTRPO(LibraryAlgorithm):
    Config = ContribTRPOConfig
    library, network_class, stochastic = TRPO, ActorCriticPolicy, True
