"""SBX's CrossQ: a foreign loop through the metered boundary.

Source: Bhatt et al. 2024, arXiv:1902.05605; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlbench_sb3.common import noise
from sbx import CrossQ
from sbx.crossq.policies import CrossQPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sbx.common import Entropic, Player


@dataclass(frozen=True)
class SbxCrossQConfig(Entropic):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_critics: int = setting(2, "critics", ge=1)
    learning_rate: float = setting(1e-3, "Adam's learning rate", gt=0)
    policy_delay: int = setting(3, "critic updates to one of the actor", ge=1)
    batch_norm: bool = setting(True, "batch renormalisation in the critics")
    batch_norm_actor: bool = setting(True, "and in the actor")
    batch_norm_momentum: float = setting(0.99, "of the running statistics", gt=0, lt=1)
    renorm_warmup_steps: int = setting(100_000, "updates before renormalisation", ge=0)


class SbxCrossQ(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = SbxCrossQConfig

    def __init__(self, config: SbxCrossQConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, CrossQPolicy, "actor_state", (config.learning_rate,), **config.network())

    def train(self, interaction: Interaction) -> None:
        c = self.config
        frequency, added = (c.train_freq, c.train_freq_unit), noise(c, self.task)
        self.player.learn(interaction, CrossQ, train_freq=frequency, action_noise=added, ent_coef=c.temperature)

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def policy(self, mode: str = "greedy") -> Any:
        return self.player.sampled if mode == "sampled" else super().policy(mode)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
