"""sb3-contrib's augmented random search: a foreign loop through the metered boundary.

Source: Mania et al. 2018, arXiv:1803.07055; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sb3_contrib import ARS
from sb3_contrib.ars.policies import ARSPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench_sb3.common import Environments, Player, schedule


@dataclass(frozen=True)
class ContribARSConfig(Environments):
    """The library's constructor arguments and their defaults (its MlpPolicy); durations are in its own units.

    The paper's linear policy is `net_arch: [], with_bias: false, squash_output: false`.
    """

    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers; none of them: a linear policy")
    activation: Literal["relu", "tanh"] = setting("relu", "of the hidden layers (activation_fn)")
    with_bias: bool = setting(True, "layers have biases")
    squash_output: bool = setting(True, "continuous actions are a tanh; otherwise clipped")
    n_delta: int = setting(8, "directions of an update, each tried both ways", ge=1)
    n_top: int | None = setting(None, "the best of them that are learned from; none: all", ge=1)
    learning_rate: float = setting(0.02, "length of a step", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    delta_std: float = setting(0.05, "standard deviation of the parameters' noise", gt=0)
    delta_std_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    zero_policy: bool = setting(True, "parameters are 0 at first")
    alive_bonus_offset: float = setting(0.0, "what is added to each step's reward")
    n_eval_episodes: int = setting(1, "episodes of each direction", ge=1)

    def __post_init__(self) -> None:
        if self.n_top is not None and self.n_top > self.n_delta:
            raise ValueError(f"n_top must be at most n_delta, {self.n_delta}")


class ContribARS(Algorithm):
    """One seed; its environments come from `interaction.make_env`."""

    Config = ContribARSConfig

    def __init__(self, config: ContribARSConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        self.player = Player(self, ARSPolicy, with_bias=config.with_bias, squash_output=config.squash_output)

    def train(self, interaction: Interaction) -> None:
        c = self.config
        self.player.learn(interaction, ARS, delta_std=schedule(c.delta_std, c.delta_std_schedule))

    def act(self, obs: Any) -> Any:
        return self.player.act(obs)

    def state(self) -> dict[str, Any]:
        return self.player.state()

    def load_final_state(self, state: Any) -> None:
        self.player.load(state)
