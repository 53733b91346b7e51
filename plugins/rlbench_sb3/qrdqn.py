"""sb3-contrib's QR-DQN: a foreign loop through the metered boundary.

Source: Dabney et al. 2018, arXiv:1710.10044; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sb3_contrib import QRDQN
from sb3_contrib.qrdqn.policies import QRDQNPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sb3.common import Environments, Player


@dataclass(frozen=True)
class ContribQRDQNConfig(Environments):
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers")
    activation: Literal["relu", "tanh"] = setting("relu", "of the hidden layers (activation_fn)")
    n_quantiles: int = setting(200, "quantiles of each action's return", ge=1)
    learning_rate: float = setting(5e-5, "Adam's learning rate", gt=0)
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
    target_update_interval: int = setting(10_000, "steps between target updates", ge=1)
    exploration_fraction: float = setting(0.005, "part of the budget over which epsilon decays", ge=0, le=1)
    exploration_initial_eps: float = setting(1.0, "epsilon at step 0", ge=0, le=1)
    exploration_final_eps: float = setting(0.01, "epsilon after the decay", ge=0, le=1)
    max_grad_norm: float | None = setting(None, "largest norm of the gradient; none: not clipped", gt=0)


class ContribQRDQN(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = ContribQRDQNConfig

    def __init__(self, config: ContribQRDQNConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, QRDQNPolicy, n_quantiles=config.n_quantiles)

    def train(self, interaction: Interaction) -> None:
        c = self.config
        self.player.learn(interaction, QRDQN, train_freq=(c.train_freq, c.train_freq_unit))

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
