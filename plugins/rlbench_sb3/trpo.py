"""sb3-contrib's TRPO: a foreign loop through the metered boundary.

Source: Schulman et al. 2015, arXiv:1502.05477; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sb3_contrib import TRPO
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sb3.common import Environments, Player


@dataclass(frozen=True)
class ContribTRPOConfig(Environments):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers, of the policy and of the value network")
    activation: Literal["relu", "tanh"] = setting("tanh", "of the hidden layers (activation_fn)")
    ortho_init: bool = setting(True, "orthogonal initialisation")
    log_std_init: float = setting(0.0, "logarithm of the first standard deviation, where actions are continuous")
    learning_rate: float = setting(1e-3, "Adam's learning rate, of the value network", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    n_steps: int = setting(2048, "steps of each environment in a rollout", ge=1)
    batch_size: int = setting(128, "steps of a minibatch, of the value network", ge=2)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(0.95, "GAE's lambda", ge=0, le=1)
    cg_max_steps: int = setting(15, "steps of the conjugate gradient method", ge=1)
    cg_damping: float = setting(0.1, "what is added to the Hessian's diagonal", ge=0)
    line_search_shrinking_factor: float = setting(0.8, "factor of a step that was too long", gt=0, lt=1)
    line_search_max_iter: int = setting(10, "steps of the line search", ge=1)
    n_critic_updates: int = setting(10, "passes over a rollout, of the value network", ge=1)
    normalize_advantage: bool = setting(True, "scale the advantages of a rollout")
    target_kl: float = setting(0.01, "largest KL divergence of an update", gt=0)
    sub_sampling_factor: int = setting(1, "every so many steps of a rollout make the policy's update", ge=1)

    def __post_init__(self) -> None:
        if self.num_envs * self.n_steps < 2:
            raise ValueError("a rollout needs num_envs · n_steps of at least 2 to scale its advantages")


class ContribTRPO(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = ContribTRPOConfig

    def __init__(self, config: ContribTRPOConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, ActorCriticPolicy, ortho_init=config.ortho_init, log_std_init=config.log_std_init)

    def train(self, interaction: Interaction) -> None:
        self.player.learn(interaction, TRPO)

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def policy(self, mode: str = "greedy") -> Any:
        return self.player.sampled if mode == "sampled" else super().policy(mode)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
