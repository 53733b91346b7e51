"""SBX's DQN: a foreign loop through the metered boundary.

Source: Raffin et al. 2021, and its SBX; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from rlbench_sb3.common import Environments
from sbx import DQN
from sbx.dqn.policies import DQNPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sbx.common import Player


@dataclass(frozen=True)
class SbxDQNConfig(Environments):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the two hidden layers, which have equally many")
    activation: Literal["relu", "tanh"] = setting("relu", "of the hidden layers (activation_fn)")
    learning_rate: float = setting(1e-4, "Adam's learning rate", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    buffer_size: int = setting(1_000_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(100, "steps before the first update", ge=0)
    batch_size: int = setting(32, "transitions of one update", ge=1)
    tau: float = setting(1.0, "share of the online network in each target update", gt=0, le=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    train_freq: int = setting(4, "steps of each environment, or episodes, between rounds of updates", ge=1)
    train_freq_unit: Literal["step", "episode"] = setting("step", "of train_freq; episode needs one environment")
    gradient_steps: int = setting(1, "updates of a round; -1: as many as steps", ge=-1)
    n_steps: int = setting(1, "steps of the return in a target", ge=1)
    target_update_interval: int = setting(1_000, "steps between target updates", ge=1)
    exploration_fraction: float = setting(0.1, "part of the budget over which epsilon decays", ge=0, le=1)
    exploration_initial_eps: float = setting(1.0, "epsilon at step 0", ge=0, le=1)
    exploration_final_eps: float = setting(0.05, "epsilon after the decay", ge=0, le=1)

    def __post_init__(self) -> None:
        if len(self.net_arch) != 2 or self.net_arch[0] != self.net_arch[1]:
            raise ValueError("net_arch must be two equal numbers: the library's network has two layers of one width")


class SbxDQN(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = SbxDQNConfig

    def __init__(self, config: SbxDQNConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, DQNPolicy, "qf_state")

    def train(self, interaction: Interaction) -> None:
        c = self.config
        self.player.learn(interaction, DQN, train_freq=(c.train_freq, c.train_freq_unit))

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
