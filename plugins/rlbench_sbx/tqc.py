"""SBX's TQC: a foreign loop through the metered boundary.

Source: Kuznetsov et al. 2020, arXiv:2005.04269; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlbench_sb3.common import noise
from sbx import TQC
from sbx.tqc.policies import TQCPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sbx.common import Entropic, Player


@dataclass(frozen=True)
class SbxTQCConfig(Entropic):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    n_quantiles: int = setting(25, "quantiles of each critic", ge=1)
    top_quantiles_to_drop_per_net: int = setting(2, "largest quantiles left out of a target, for each critic", ge=0)
    tau: float = setting(0.005, "share of the online networks in each target update", gt=0, le=1)
    policy_delay: int = setting(1, "critic updates to one of the actor", ge=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top_quantiles_to_drop_per_net >= self.n_quantiles:
            raise ValueError(f"top_quantiles_to_drop_per_net leaves nothing of {self.n_quantiles} quantiles")


class SbxTQC(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = SbxTQCConfig

    def __init__(self, config: SbxTQCConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, TQCPolicy, "actor_state", (config.learning_rate,), **config.network())

    def train(self, interaction: Interaction) -> None:
        c = self.config
        frequency, added = (c.train_freq, c.train_freq_unit), noise(c, self.task)
        self.player.learn(interaction, TQC, train_freq=frequency, action_noise=added, ent_coef=c.temperature)

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def policy(self, mode: str = "greedy") -> Any:
        return self.player.sampled if mode == "sampled" else super().policy(mode)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
