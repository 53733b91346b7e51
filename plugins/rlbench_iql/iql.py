"""Independent Q-learning: each agent learns its own action values, as if other agents were part of the environment.

Sources: Tan 1993; with deep networks, Papoudakis et al. 2021, arXiv:2006.07869.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, Transition, setting
from rlbench.kit import (
    Adam,
    Agents,
    AgentValues,
    Batch,
    Every,
    Field,
    Loss,
    Replay,
    Schedule,
    TorchAlgorithm,
    UpdateRounds,
    check_replay_settings,
    gradient_of,
    masked_mean,
    polyak,
)


@dataclass(frozen=True)
class IQLConfig:
    """Hyperparameters. Those that DQN also has are named as in DQN. Durations are in steps of one seed."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers of the agents' networks")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    share_parameters: bool = setting(True, "agents with equal spaces share a network, which gets the agent's id")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(5e-4, "Adam's learning rate; lin_5e-4: falls to 0", gt=0, schedule=True)
    batch_size: int = setting(64, "transitions per update", ge=1)
    buffer_size: int = setting(100_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(1_000, "steps of random actions before the first update", ge=0, below_steps=True)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: one for each step of a seed since the last round", ge=-1)
    target_update_interval: int = setting(500, "steps of one seed between updates of the target network", ge=1)
    tau: float = setting(1.0, "weight of the online network in each target update; 1: a copy", gt=0, le=1)
    double_q: bool = setting(True, "the online network chooses the next actions that the target network evaluates")
    exploration_initial_eps: float = setting(1.0, "probability of a random action at step 0", ge=0, le=1)
    exploration_final_eps: float = setting(0.05, "probability of a random action after the decay", ge=0, le=1)
    exploration_fraction: float = setting(0.2, "share of the budget over which epsilon decays linearly", ge=0, le=1)
    loss: Literal["huber", "mse"] = setting("mse", "mse: squared errors; huber: errors beyond 1 count linearly")
    max_grad_norm: float = setting(10.0, "maximum norm of the gradient", gt=0)
    adam_eps: float = setting(1e-8, "Adam's epsilon", gt=0)

    def __post_init__(self) -> None:
        check_replay_settings(self)


class IQL(TorchAlgorithm):
    """Q-learning for each agent on minibatches from replay; actions are epsilon-greedy, and greedy in evaluation."""

    Config = IQLConfig
    per_seed = ("learning_rate", "max_grad_norm")
    policy_parts = ("online",)

    def __init__(self, config: IQLConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c = config
        self.agents = Agents(task)
        self.values = AgentValues(self.agents, c.net_arch, c.activation_fn, c.share_parameters)
        self.online = self.values.init(streams, "init", device.name)  # [S, P]
        self.target = self.online.clone()
        self.learning_rate = Schedule.parse(c.learning_rate, task.steps)
        self.optimizer = Adam([self.online], self.learning_rate.start, c.adam_eps)
        self.td_gradient = gradient_of(self.td_loss, device, c.max_grad_norm)
        obs, number = Field((self.obs_size,)), Field((self.agents.count,))
        action = Field((self.agents.count,), torch.int64)
        fields = {"obs": obs, "action": action, "reward": number, "next_obs": obs, "discount": number}
        self.replay = Replay(self.num_seeds, min(c.buffer_size, task.steps), device.name, **fields)
        self.train_round = UpdateRounds(c, task.steps)
        self.target_round = Every(max(c.target_update_interval // c.n_envs, 1), c.n_envs)
        eps = c.exploration_initial_eps, c.exploration_final_eps
        self.epsilon = Schedule(*eps, c.exploration_fraction * task.steps)

    def entry(self, t: Transition) -> dict[str, Any]:
        """Return a step as the fields of a `Batch`, with each agent's reward and discount [S, N, G]."""
        rewards, discounts = self.agents.rewards(t), self.agents.discounts(t, self.config.gamma)
        return {"obs": t.obs, "action": t.action, "reward": rewards, "next_obs": t.next_obs, "discount": discounts}

    # -- functions of tensors; B transitions of each seed, G agents ----------------------------------------------
    def td_target(self, online: Tensor, target: Tensor, batch: Batch) -> Tensor:
        """Return the target of each agent's value [S, B, G]. The discount is 0 after its death or termination."""
        next_values = self.values(target, batch.next_obs)
        choosing = self.values(online.detach(), batch.next_obs) if self.config.double_q else next_values
        next_q = self.values.of_actions(next_values, self.values.greedy(choosing))
        return batch.reward + batch.discount * next_q

    def td_loss(self, online: Tensor, target: Tensor, batch: Batch) -> Loss:
        """Return the loss [S] and its metrics: means over the agents that are alive, in all transitions."""
        td_target = self.td_target(online, target, batch)
        q = self.values.of_actions(self.values(online, batch.obs), batch.action)  # [S, B, G]
        alive = self.agents.layout.alive(batch.obs).flatten(1)
        error = F.mse_loss if self.config.loss == "mse" else F.huber_loss
        loss = masked_mean(error(q, td_target, reduction="none").flatten(1), alive)
        return loss, lambda: {"td_loss": loss, "mean_q": masked_mean(q.flatten(1), alive)}

    # -- the loop ------------------------------------------------------------------------------------------------
    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            transition = interaction.step(self.explore(interaction))
            self.replay.add(**self.entry(transition))
            for _ in range(self.train_round.due(interaction.steps)):
                self.learn(interaction)
            if self.target_round.due(interaction.steps):
                polyak(self.target, self.online, self.config.tau, self.active(interaction))

    def explore(self, interaction: Interaction) -> Any:
        """Return epsilon-greedy actions [S, N, G], with a draw for each agent; random ones in the warm-up."""
        draws = self.streams.uniform("explore", interaction.num_envs, self.agents.count, 2)  # [S, N, G, 2]
        random_action = self.agents.random_actions(draws[..., 1], interaction.obs)
        if interaction.steps < self.config.learning_starts:
            return random_action
        is_random = draws[..., 0] < self.epsilon(interaction.steps)
        return np.where(is_random, random_action, self.act(interaction.obs))

    def learn(self, interaction: Interaction) -> None:
        """Take one gradient step on a minibatch from replay."""
        batch = Batch(**self.replay.minibatch(self.streams, self.config.batch_size))
        self.optimizer.set_lr(self.learning_rate(interaction.steps))
        grads, metrics = self.td_gradient([self.online], self.target, batch)
        self.optimizer.apply([self.online], grads, self.active(interaction))
        interaction.log_mean(metrics, lambda: {"epsilon": self.epsilon(interaction.steps)})

    def act(self, obs: Any) -> Any:
        """Return greedy actions [S, N, G]."""
        return self.values.greedy(self.values(self.online, self.tensor(obs))).cpu().numpy()

    def parts(self) -> dict[str, Any]:
        learner = {"online": self.online, "target": self.target, "optimizer": self.optimizer, "replay": self.replay}
        return {**learner, "train_round": self.train_round, "target_round": self.target_round}
