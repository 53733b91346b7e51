"""Stable-Baselines3's A2C: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stable_baselines3 import A2C
from stable_baselines3.common.policies import ActorCriticPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sb3.common import Environments, Player


@dataclass(frozen=True)
class StableBaselinesA2CConfig(Environments):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers, of the policy and of the value network")
    activation: Literal["relu", "tanh"] = setting("tanh", "of the hidden layers (activation_fn)")
    ortho_init: bool = setting(True, "orthogonal initialisation")
    log_std_init: float = setting(0.0, "logarithm of the first standard deviation, where actions are continuous")
    learning_rate: float = setting(7e-4, "the optimiser's learning rate", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    n_steps: int = setting(5, "steps of each environment in a rollout", ge=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(1.0, "GAE's lambda", ge=0, le=1)
    ent_coef: float = setting(0.0, "weight of the entropy bonus", ge=0)
    vf_coef: float = setting(0.5, "weight of the value loss", ge=0)
    max_grad_norm: float = setting(0.5, "largest norm of the gradient", gt=0)
    rms_prop_eps: float = setting(1e-5, "RMSprop's epsilon", gt=0)
    use_rms_prop: bool = setting(True, "RMSprop rather than Adam")
    normalize_advantage: bool = setting(False, "scale the advantages of a rollout")


class StableBaselinesA2C(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = StableBaselinesA2CConfig

    def __init__(self, config: StableBaselinesA2CConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, ActorCriticPolicy, ortho_init=config.ortho_init, log_std_init=config.log_std_init)

    def train(self, interaction: Interaction) -> None:
        self.player.learn(interaction, A2C)

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def policy(self, mode: str = "greedy") -> Any:
        return self.player.sampled if mode == "sampled" else super().policy(mode)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
