"""Dyna-Q, S seeds at once: Q-learning, and after each step more updates on transitions of a learned model.

Sources: Sutton 1990, "Integrated Architectures for Learning, Planning, and Reacting"; Sutton & Barto 2018, section 8.2.
It differs from rlbench_q_learning/q_learning.py only in `planning_steps`, `__init__`, `learn`, `plan`, `state`,
`load_state`, `final_state` and `load_final_state`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.api import Array, Transition
from rlbench.kit.q_tables import QTable, TableModel  # not from rlbench.kit, which counts as using torch


@dataclass(frozen=True)
class DynaQConfig:
    """Hyperparameters. Their defaults are those of Sutton & Barto's examples, but γ is below 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    learning_rate: float = setting(0.1, "step size α of each update", gt=0, le=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    epsilon: float = setting(0.1, "probability of a uniformly random action", ge=0, le=1)
    planning_steps: int = setting(5, "updates on the model's transitions after each step; 0: Q-learning", ge=0)


class DynaQ(Algorithm):
    """The model stores the last outcome of each state and action. Planning draws from these to update the table."""

    Config = DynaQConfig

    def __init__(self, config: DynaQConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        shape = len(streams.seeds), math.prod(task.observation_space.shape or ()), int(cast(Any, task.action_space).n)
        self.table = QTable(*shape)
        self.model = TableModel(*shape)

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
        """Update table and model with the transition of each environment, one after another, and plan after each."""
        t, c = transition, self.config
        state, next_state = self.states(t.obs), self.states(t.next_obs)
        discount = c.gamma * (1.0 - t.terminated)  # truncation bootstraps
        errors = []
        for n in range(interaction.num_envs):
            step = state[:, n], t.action[:, n], t.reward[:, n], next_state[:, n], discount[:, n]
            errors.append(self.table.update(c.learning_rate, *step, interaction.active))
            self.model.observe(*step, interaction.active)
            self.plan(interaction)
        interaction.log_mean(lambda: {"td_loss": np.square(errors).mean(0), "mean_q": self.table.values.mean((1, 2))})

    def plan(self, interaction: Interaction) -> None:
        """Update the table with transitions drawn uniformly from the model, one after another."""
        for uniform in self.streams.uniform("plan", self.config.planning_steps).T:
            self.table.update(self.config.learning_rate, *self.model.draw(uniform), interaction.active)

    def act(self, obs: Array) -> Array:
        return self.table.greedy(self.states(obs))

    def states(self, obs: Array) -> Array:
        """Return the indices of states from their one-hot vectors: [S, N, X] → [S, N]."""
        return np.asarray(obs.reshape(*obs.shape[:2], -1).argmax(-1))

    def state(self) -> Mapping[str, Any]:
        return {"values": self.table.values.copy(), **self.model.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.table.values[...] = state["values"]
        self.model.load_state({name: array for name, array in state.items() if name != "values"})

    def final_state(self) -> Mapping[str, Any]:
        return {"values": self.table.values.copy()}

    def load_final_state(self, state: Mapping[str, Any]) -> None:
        self.table.values[...] = state["values"]
