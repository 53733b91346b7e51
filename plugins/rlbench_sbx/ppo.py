"""SBX's PPO: a foreign loop through the metered boundary.

Source: Raffin et al. 2021, and its SBX; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rlbench_sb3.common import Environments, schedule
from sbx import PPO
from sbx.ppo.policies import PPOPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sbx.common import Player


@dataclass(frozen=True)
class SbxPPOConfig(Environments):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers, of the policy and of the value network")
    activation: Literal["relu", "tanh"] = setting("tanh", "of the hidden layers (activation_fn)")
    ortho_init: bool = setting(False, "orthogonal initialisation")
    log_std_init: float = setting(0.0, "logarithm of the first standard deviation, where actions are continuous")
    learning_rate: float = setting(3e-4, "Adam's learning rate", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    n_steps: int = setting(2048, "steps of each environment in a rollout", ge=1)
    batch_size: int = setting(64, "steps of a minibatch", ge=2)
    n_epochs: int = setting(10, "passes over a rollout", ge=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(0.95, "GAE's lambda", ge=0, le=1)
    clip_range: float = setting(0.2, "largest change of a probability ratio", gt=0)
    clip_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    normalize_advantage: bool = setting(True, "scale the advantages of a minibatch")
    ent_coef: float = setting(0.0, "weight of the entropy bonus", ge=0)
    vf_coef: float = setting(0.5, "weight of the value loss", ge=0)
    max_grad_norm: float = setting(0.5, "largest norm of the gradient", gt=0)
    target_kl: float | None = setting(
        None, "KL divergence towards which the learning rate is adapted; none: as lr_schedule says", gt=0
    )

    def __post_init__(self) -> None:
        if self.num_envs * self.n_steps < 2:
            raise ValueError("a rollout needs num_envs · n_steps of at least 2 to scale its advantages")


class SbxPPO(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = SbxPPOConfig

    def __init__(self, config: SbxPPOConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        network = {"ortho_init": config.ortho_init, "log_std_init": config.log_std_init}
        self.player = Player(self, PPOPolicy, "actor_state", (config.max_grad_norm,), **network)

    def train(self, interaction: Interaction) -> None:
        c = self.config
        self.player.learn(interaction, PPO, clip_range=schedule(c.clip_range, c.clip_schedule))

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def policy(self, mode: str = "greedy") -> Any:
        return self.player.sampled if mode == "sampled" else super().policy(mode)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
