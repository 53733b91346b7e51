"""sb3-contrib's TQC: a foreign loop through the metered boundary.

Source: Kuznetsov et al. 2020, arXiv:2005.04269; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sb3_contrib import TQC
from sb3_contrib.tqc.policies import TQCPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sb3.common import Noise, Player, noise


@dataclass(frozen=True)
class ContribTQCConfig(Noise):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers, of actor and critics")
    activation: Literal["relu", "tanh"] = setting("relu", "of the hidden layers (activation_fn)")
    n_critics: int = setting(2, "critics", ge=1)
    n_quantiles: int = setting(25, "quantiles of each critic", ge=1)
    top_quantiles_to_drop_per_net: int = setting(2, "largest quantiles left out of a target, for each critic", ge=0)
    learning_rate: float = setting(3e-4, "Adam's learning rate", gt=0)
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
    ent_coef: float | Literal["auto"] = setting("auto", "temperature; auto: learned from 1 on")
    ent_coef_init: float = setting(1.0, "temperature at first, where it is learned (auto_…)", gt=0)
    target_entropy: float | Literal["auto"] = setting(
        "auto", "of the policy; auto: minus the number of action dimensions"
    )
    target_update_interval: int = setting(1, "updates between target updates", ge=1)

    def __post_init__(self) -> None:
        if self.ent_coef != "auto" and float(self.ent_coef) < 0:
            raise ValueError("ent_coef must be auto or at least 0")
        if self.top_quantiles_to_drop_per_net >= self.n_quantiles:
            raise ValueError(f"top_quantiles_to_drop_per_net leaves nothing of {self.n_quantiles} quantiles")


class ContribTQC(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = ContribTQCConfig

    def __init__(self, config: ContribTQCConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, TQCPolicy, n_critics=config.n_critics, n_quantiles=config.n_quantiles)

    def train(self, interaction: Interaction) -> None:
        c = self.config
        temperature = f"auto_{c.ent_coef_init}" if c.ent_coef == "auto" else c.ent_coef
        frequency, added = (c.train_freq, c.train_freq_unit), noise(c, self.task)
        self.player.learn(interaction, TQC, train_freq=frequency, action_noise=added, ent_coef=temperature)

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def policy(self, mode: str = "greedy") -> Any:
        return self.player.sampled if mode == "sampled" else super().policy(mode)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
