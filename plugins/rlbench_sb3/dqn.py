"""Stable-Baselines3's DQN: a foreign loop through the metered boundary.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import stable_baselines3
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.dqn.policies import DQNPolicy

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting


@dataclass(frozen=True)
class StableBaselinesDQNConfig:
    """The library's constructor arguments and their defaults; durations are in its own units."""

    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers")
    activation: Literal["relu", "tanh"] = setting("relu", "of the hidden layers")
    learning_rate: float = setting(1e-4, "Adam's learning rate", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    buffer_size: int = setting(1_000_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(100, "steps before the first update", ge=0)
    batch_size: int = setting(32, "transitions of one update", ge=1)
    tau: float = setting(1.0, "share of the online network in each target update", gt=0, le=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    train_freq: int = setting(4, "steps between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates of a round; -1: as many as steps", ge=-1)
    target_update_interval: int = setting(10_000, "steps between target updates", ge=1)
    exploration_fraction: float = setting(0.1, "part of the budget over which epsilon decays", ge=0, le=1)
    exploration_initial_eps: float = setting(1.0, "epsilon at step 0", ge=0, le=1)
    exploration_final_eps: float = setting(0.05, "epsilon after the decay", ge=0, le=1)
    max_grad_norm: float = setting(10.0, "largest norm of the gradient", gt=0)


class StopWhenFinished(BaseCallback):
    """Ends `learn` when the budget is spent or the harness stops the run; `learn` is never called in pieces, as the
    library's schedules hang on its total."""

    def __init__(self, interaction: Interaction) -> None:
        super().__init__()
        self._interaction = interaction

    def _on_step(self) -> bool:
        return not self._interaction.finished


class StableBaselinesDQN(Algorithm):
    """One seed; its environment is `interaction.make_env()`."""

    Config = StableBaselinesDQNConfig

    def __init__(self, config: StableBaselinesDQNConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        activation = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[config.activation]
        self.architecture: dict[str, Any] = {"net_arch": list(config.net_arch), "activation_fn": activation}
        self.network: DQNPolicy | None = None  # the model's own once it trains

    def train(self, interaction: Interaction) -> None:
        c = self.config
        passed_on = {
            name: getattr(c, name)
            for name in c.__dataclass_fields__
            if name not in ("net_arch", "activation", "learning_rate", "lr_schedule")
        }
        rate: Any = LinearSchedule(c.learning_rate, 0.0, 1.0) if c.lr_schedule == "linear" else c.learning_rate
        seed = int(self.streams.sequence("sb3", 0).generate_state(1)[0] >> 1)
        model = stable_baselines3.DQN(
            "MlpPolicy",
            interaction.make_env(),
            learning_rate=rate,
            policy_kwargs=self.architecture,
            seed=seed,
            device=self.device.name,
            **passed_on,
        )
        self.network = model.policy
        model.learn(interaction.budget.steps, callback=StopWhenFinished(interaction))

    def act(self, obs: Any) -> Any:
        assert self.network is not None
        return self.network.predict(obs[0], deterministic=True)[0][None]  # S = 1

    def final_state(self) -> dict[str, Any]:
        assert self.network is not None
        return {name: value.cpu().numpy()[None] for name, value in self.network.state_dict().items()}

    def load_final_state(self, state: Any) -> None:
        """Take the networks back; they act, and do not go on learning, so their learning rate is of no account."""
        action_space: Any = self.task.action_space  # Discrete: what the spec says it supports
        rate = LinearSchedule(0.0, 0.0, 1.0)
        network = DQNPolicy(self.task.observation_space, action_space, rate, **self.architecture)
        self.network = network.to(self.device.name)
        self.network.load_state_dict({name: torch.from_numpy(value[0]) for name, value in state.items()})

    def state(self) -> dict[str, Any]:
        return {name: np.asarray(value) for name, value in self.final_state().items()}
