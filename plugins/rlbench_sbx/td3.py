"""SBX's TD3: a foreign loop through the metered boundary.

Source: Fujimoto et al. 2018, arXiv:1802.09477; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlbench_sb3.common import noise
from sbx import TD3
from sbx.td3.policies import TD3Policy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sbx.common import OffPolicy, Player


@dataclass(frozen=True)
class SbxTD3Config(OffPolicy):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_critics: int = setting(2, "critics", ge=1)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(2, "critic updates to one of the actor and of all targets", ge=1)
    target_policy_noise: float = setting(0.2, "scale of the smoothing noise", ge=0)
    target_noise_clip: float = setting(0.5, "its largest size", ge=0)


class SbxTD3(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = SbxTD3Config

    def __init__(self, config: SbxTD3Config, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, TD3Policy, "actor_state", (config.learning_rate,), **config.network())

    def train(self, interaction: Interaction) -> None:
        c = self.config
        frequency, added = (c.train_freq, c.train_freq_unit), noise(c, self.task)
        self.player.learn(interaction, TD3, train_freq=frequency, action_noise=added)

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
