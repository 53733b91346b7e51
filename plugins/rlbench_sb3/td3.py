"""Stable-Baselines3's TD3: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stable_baselines3 import TD3
from stable_baselines3.td3.policies import TD3Policy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sb3.common import Noise, Player, noise


@dataclass(frozen=True)
class StableBaselinesTD3Config(Noise):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((400, 300), "units of the hidden layers, of actor and critics")
    activation: Literal["relu", "tanh"] = setting("relu", "of the hidden layers (activation_fn)")
    n_critics: int = setting(2, "critics", ge=1)
    learning_rate: float = setting(1e-3, "Adam's learning rate", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    buffer_size: int = setting(1_000_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(100, "steps before the first update", ge=0)
    batch_size: int = setting(256, "transitions of one update", ge=1)
    tau: float = setting(0.005, "share of the online network in each target update", gt=0, le=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    train_freq: int = setting(1, "steps of each environment, or episodes, between rounds of updates", ge=1)
    train_freq_unit: Literal["step", "episode"] = setting("step", "of train_freq; episode needs one environment")
    gradient_steps: int = setting(1, "updates of a round; -1: as many as steps", ge=-1)
    n_steps: int = setting(1, "steps of the return in a target", ge=1)
    policy_delay: int = setting(2, "critic updates for each of the actor and the targets", ge=1)
    target_policy_noise: float = setting(0.2, "standard deviation of the noise on target actions", ge=0)
    target_noise_clip: float = setting(0.5, "largest noise on target actions", ge=0)


class StableBaselinesTD3(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = StableBaselinesTD3Config

    def __init__(self, config: StableBaselinesTD3Config, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, TD3Policy, n_critics=config.n_critics)

    def train(self, interaction: Interaction) -> None:
        c = self.config
        self.player.learn(
            interaction, TD3, train_freq=(c.train_freq, c.train_freq_unit), action_noise=noise(c, self.task)
        )

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
