"""sb3-contrib's TRPO: a foreign loop through the metered boundary.

Source: Schulman et al. 2015, arXiv:1502.05477; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass

from sb3_contrib import TRPO
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import setting
from rlbench_sb3.foreign import Foreign
from rlbench_sb3.parameters import OnPolicy, enough_to_scale


@dataclass(frozen=True)
class ContribTRPOConfig(OnPolicy):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    learning_rate: float | str = setting(
        1e-3, "Adam's learning rate, of the value network; lin_1e-3: falls to 0", gt=0, schedule=True
    )
    batch_size: int = setting(128, "steps of a minibatch, of the value network", ge=2)
    cg_max_steps: int = setting(15, "steps of the conjugate gradient method", ge=1)
    cg_damping: float = setting(0.1, "what is added to the Hessian's diagonal", ge=0)
    line_search_shrinking_factor: float = setting(0.8, "factor of a step that was too long", gt=0, lt=1)
    line_search_max_iter: int = setting(10, "steps of the line search", ge=1)
    n_critic_updates: int = setting(10, "passes over a rollout, of the value network", ge=1)
    target_kl: float = setting(0.01, "largest KL divergence of an update", gt=0)
    sub_sampling_factor: int = setting(1, "every so many steps of a rollout make the policy's update", ge=1)

    def __post_init__(self) -> None:
        enough_to_scale(self.n_envs * self.n_steps)


class ContribTRPO(Foreign):
    Config = ContribTRPOConfig
    library, network_class, stochastic = TRPO, ActorCriticPolicy, True
