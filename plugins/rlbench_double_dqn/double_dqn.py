"""Double deep Q-learning, S seeds at once: the online network chooses the action that the target network evaluates.

Source: van Hasselt, Guez & Silver 2016, arXiv:1509.06461. It differs from rlbench_dqn/dqn.py only in `td_loss`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from gymnasium.spaces import Discrete
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    ActionValues,
    Adam,
    Batch,
    Every,
    Field,
    Loss,
    Schedule,
    TorchAlgorithm,
    UpdateRounds,
    check_replay_settings,
    gradient_of,
    network,
    polyak,
    replay_entry,
    replay_fields,
    replay_for,
)


@dataclass(frozen=True)
class DoubleDQNConfig:
    """Hyperparameters, with Stable-Baselines3's names where it has them. Durations are in steps of one seed."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((128, 128), "units of the hidden layers")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    batch_size: int = setting(64, "transitions per update", ge=1)
    buffer_size: int = setting(100_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(1_000, "steps of random actions before the first update", ge=0, below_steps=True)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: one for each step of a seed since the last round", ge=-1)
    target_update_interval: int = setting(500, "steps of one seed between updates of the target network", ge=1)
    tau: float = setting(1.0, "weight of the online network in each target update; 1: a copy", gt=0, le=1)
    exploration_initial_eps: float = setting(1.0, "probability of a random action at step 0", ge=0, le=1)
    exploration_final_eps: float = setting(0.05, "probability of a random action after the decay", ge=0, le=1)
    exploration_fraction: float = setting(0.2, "share of the budget over which epsilon decays", ge=0, le=1)
    exploration_schedule: Literal["linear", "exponential"] = setting(
        "linear", "shape of epsilon's decay; exponential needs both ends above 0"
    )
    loss: Literal["huber", "mse"] = setting(
        "huber", "huber: errors beyond 1 count linearly (Mnih 2015's clipped error)"
    )
    max_grad_norm: float = setting(10.0, "maximum norm of the gradient", gt=0)
    adam_eps: float = setting(1e-8, "Adam's epsilon", gt=0)
    clip_reward: float | None = setting(None, "clip rewards to ± this in updates; none: do not clip", gt=0, added=True)

    def __post_init__(self) -> None:
        check_replay_settings(self)
        ends = self.exploration_initial_eps, self.exploration_final_eps
        if self.exploration_schedule == "exponential" and min(ends) <= 0:
            raise ValueError("exponential decay needs exploration_initial_eps and exploration_final_eps above 0")


class DoubleDQN(TorchAlgorithm):
    """Double Q-learning on minibatches from replay; actions are epsilon-greedy in training and greedy in evaluation."""

    Config = DoubleDQNConfig
    per_seed = ("learning_rate", "gamma", "max_grad_norm")
    policy_parts = ("online",)

    def __init__(self, config: DoubleDQNConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c = config
        assert isinstance(task.action_space, Discrete)  # as the spec declares
        self.num_actions = int(task.action_space.n)
        values = network(self.inputs, (*c.net_arch, self.num_actions), c.activation_fn)
        self.network = ActionValues(values, self.mask)
        self.online = self.network.init(streams, "init", device=device.name)  # [S, P]
        self.target = self.online.clone()
        self.learning_rate = Schedule.parse(c.learning_rate, task.steps)
        self.optimizer = Adam([self.online], self.learning_rate.start, c.adam_eps)
        self.td_gradient = gradient_of(self.td_loss, device, c.max_grad_norm)
        fields = replay_fields(self.obs_field, Field(dtype=torch.int64))
        self.replay = replay_for(self.num_seeds, min(c.buffer_size, task.steps), device.name, fields)
        self.train_round = UpdateRounds(c, task.steps)
        self.target_round = Every(max(c.target_update_interval // c.n_envs, 1), c.n_envs)
        eps = c.exploration_initial_eps, c.exploration_final_eps
        self.epsilon = Schedule(*eps, c.exploration_fraction * task.steps, c.exploration_schedule)

    # -- functions of tensors; B transitions of each seed --------------------------------------------------------
    def greedy(self, online: Tensor, obs: Tensor) -> Tensor:
        return self.network(online, obs.flatten(2)).argmax(-1)

    def td_loss(self, online: Tensor, target: Tensor, batch: Batch) -> Loss:
        """Return the loss [S] and its metrics. The discount is 0 after termination, but not after truncation."""
        next_action = self.network(online.detach(), batch.next_obs).argmax(-1, keepdim=True)  # [S, B, 1]
        next_q = self.network(target, batch.next_obs).gather(-1, next_action).squeeze(-1)  # [S, B]
        td_target = batch.reward + batch.discount * next_q
        q = self.network(online, batch.obs).gather(-1, batch.action.unsqueeze(-1)).squeeze(-1)  # [S, B]
        error = F.mse_loss if self.config.loss == "mse" else F.huber_loss
        loss = error(q, td_target, reduction="none").mean(-1)
        return loss, lambda: {"td_loss": loss, "mean_q": q.mean(-1)}

    # -- the loop ------------------------------------------------------------------------------------------------
    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            transition = interaction.step(self.explore(interaction))
            self.replay.add(**replay_entry(transition, self.config.gamma, clip_reward=self.config.clip_reward))
            for _ in range(self.train_round.due(interaction.steps)):
                self.learn(interaction)
            if self.target_round.due(interaction.steps):
                polyak(self.target, self.online, self.config.tau, self.active(interaction))

    def explore(self, interaction: Interaction) -> Any:
        """Return epsilon-greedy actions [S, N], or random actions during the warm-up."""
        draws = self.streams.uniform("explore", interaction.num_envs, 2)  # [S, N, 2]
        random_action = self.mask.random_actions(draws[..., 1], interaction.obs, self.num_actions)
        if interaction.steps < self.config.learning_starts:
            return random_action
        is_random = draws[..., 0] < self.epsilon(interaction.steps)
        return np.where(is_random, random_action, self.act(interaction.obs))

    def learn(self, interaction: Interaction) -> None:
        """Take one gradient step on a minibatch from replay."""
        batch = Batch(**self.replay.minibatch(self.streams, self.config.batch_size))
        self.optimizer.set_lr(self.learning_rate(interaction.steps))
        grads, found = self.td_gradient([self.online], self.target, batch)
        self.optimizer.apply([self.online], grads, self.active(interaction))
        interaction.log_mean(found, lambda: {"epsilon": self.epsilon(interaction.steps)})

    def act(self, obs: Any) -> Any:
        return self.greedy(self.online, self.tensor(obs)).cpu().numpy()

    def parts(self) -> dict[str, Any]:
        learner = {"online": self.online, "target": self.target, "optimizer": self.optimizer, "replay": self.replay}
        return {**learner, "train_round": self.train_round, "target_round": self.target_round}
