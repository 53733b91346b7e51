"""Q-learning with a table of action values, S seeds at once.

Sources: Watkins 1989, "Learning from Delayed Rewards"; Sutton & Barto 2018, section 6.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.api import Array, Transition
from rlbench.kit.q_tables import QTable  # not from rlbench.kit, which counts as using torch


@dataclass(frozen=True)
class QLearningConfig:
    """Hyperparameters. Their defaults are those of Sutton & Barto's examples, but γ is below 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    learning_rate: float = setting(0.1, "step size α of each update", gt=0, le=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    epsilon: float = setting(0.1, "probability of a uniformly random action", ge=0, le=1)


class QLearning(Algorithm):
    """After each step, one value moves towards the reward plus the discounted best value of the next state."""

    Config = QLearningConfig

    def __init__(self, config: QLearningConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        shape = len(streams.seeds), math.prod(task.observation_space.shape or ()), int(cast(Any, task.action_space).n)
        self.table = QTable(*shape)

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            self.learn(interaction.step(self.explore(interaction)), interaction)

    def explore(self, interaction: Interaction) -> Array:
        """Return epsilon-greedy actions [S, N]. One of several equally good actions is drawn."""
        draws = self.streams.uniform("explore", interaction.num_envs, 2)  # [S, N, 2]
        return self.table.epsilon_greedy(self.states(interaction.obs), self.config.epsilon, draws)

    def learn(self, transition: Transition, interaction: Interaction) -> None:
        """Update the table with the transition of each environment, one environment after another."""
        t, c = transition, self.config
        state, next_state = self.states(t.obs), self.states(t.next_obs)
        discount = c.gamma * (1.0 - t.terminated)  # truncation bootstraps
        errors = []
        for n in range(interaction.num_envs):
            step = state[:, n], t.action[:, n], t.reward[:, n], next_state[:, n], discount[:, n]
            errors.append(self.table.update(c.learning_rate, *step, interaction.active))
        interaction.log_mean(lambda: {"td_loss": np.square(errors).mean(0), "mean_q": self.table.values.mean((1, 2))})

    def act(self, obs: Array) -> Array:
        return self.table.greedy(self.states(obs))

    def states(self, obs: Array) -> Array:
        """Return the indices of states from their one-hot vectors: [S, N, X] → [S, N]."""
        return np.asarray(obs.reshape(*obs.shape[:2], -1).argmax(-1))

    def state(self) -> Mapping[str, Any]:
        return {"values": self.table.values.copy()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.table.values[...] = state["values"]
