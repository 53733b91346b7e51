"""SBX's DDPG: a foreign loop through the metered boundary.

Source: Lillicrap et al. 2016, arXiv:1509.02971; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlbench_sb3.common import noise
from sbx import DDPG
from sbx.td3.policies import TD3Policy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sbx.common import OffPolicy, Player


@dataclass(frozen=True)
class SbxDDPGConfig(OffPolicy):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_critics: int = setting(1, "critics", ge=1)
    qf_learning_rate: float | None = setting(1e-3, "the critic's learning rate; none: learning_rate", gt=0)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)


class SbxDDPG(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = SbxDDPGConfig

    def __init__(self, config: SbxDDPGConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, TD3Policy, "actor_state", (config.learning_rate,), **config.network())

    def train(self, interaction: Interaction) -> None:
        c = self.config
        frequency, added = (c.train_freq, c.train_freq_unit), noise(c, self.task)
        self.player.learn(interaction, DDPG, train_freq=frequency, action_noise=added)

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
