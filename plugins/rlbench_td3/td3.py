"""Twin delayed deep deterministic policy gradient, S seeds at once.

Source: Fujimoto et al. 2018, "Addressing Function Approximation Error in Actor-Critic Methods", arXiv:1802.09477,
algorithm 1. It differs from rlbench_ddpg/ddpg.py only in two critics (`q_of`, `actor_loss`), the smoothed target in
`critic_loss` and the delay in `learn`; hence also in `__init__`, `parts` and the parameters `batch_size`,
`policy_delay`, `target_policy_noise` and `target_noise_clip`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    MLP,
    ActionBounds,
    ActionNoise,
    Adam,
    Batch,
    Field,
    Loss,
    Replay,
    Schedule,
    TorchAlgorithm,
    UpdateRounds,
    check_replay_settings,
    gradient_of,
    polyak,
    replay_entry,
    replay_fields,
    seeds_at_a_time,
    watched,
)


@dataclass(frozen=True)
class TD3Config:
    """Hyperparameters, with Stable-Baselines3's names where it has them. Actions are normalised to −1 … 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of the actor and of each critic")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    critic_learning_rate: float | str | None = setting(
        None, "the critics' learning rate; none: learning_rate", gt=0, schedule=True
    )
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    batch_size: int = setting(256, "transitions per update", ge=1)
    buffer_size: int = setting(1_000_000, "transitions kept for replay (Fujimoto 2018)", ge=1)
    learning_starts: int = setting(1_000, "steps of uniform actions before the first update", ge=0, below_steps=True)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: one for each step of a seed since the last round", ge=-1)
    policy_delay: int = setting(2, "critic updates per update of the actor and all targets (Fujimoto 2018)", ge=1)
    target_policy_noise: float = setting(0.2, "scale of the smoothing noise, in half ranges of the action", ge=0)
    target_noise_clip: float = setting(0.5, "maximum size of the smoothing noise, in half ranges of the action", ge=0)
    noise_type: Literal["none", "normal", "ornstein-uhlenbeck"] = setting("normal", "exploration noise")
    noise_std: float = setting(0.1, "scale of the exploration noise, in half ranges of the action", ge=0)
    noise_theta: float = setting(
        0.15, "Ornstein-Uhlenbeck's pull towards 0 per unit of time (Lillicrap 2016)", ge=0, le=1
    )
    noise_dt: float = setting(1.0, "Ornstein-Uhlenbeck's time between two steps", gt=0, le=1)

    def __post_init__(self) -> None:
        check_replay_settings(self)


class TD3(TorchAlgorithm):
    """A deterministic actor maximises the first of two critics, which are fitted to the smaller smoothed target."""

    Config = TD3Config
    per_seed = ("learning_rate", "gamma")
    policy_parts = ("actor",)

    def __init__(self, config: TD3Config, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, self.bounds = config, ActionBounds(task.action_space)
        self.dim = self.bounds.size
        self.actor_net = MLP((self.obs_size, *c.net_arch, self.dim), c.activation_fn)
        self.critic_net = MLP((self.obs_size + self.dim, *c.net_arch, 1), c.activation_fn)
        self.actor = self.actor_net.init(streams, "init", device=device.name)  # [S, P]
        self.critic = self.critic_net.init(streams, "init", 2, device.name).view(self.num_seeds, -1)  # both: [S, 2P]
        self.target_actor, self.target_critic = self.actor.clone(), self.critic.clone()
        rates = c.learning_rate, c.critic_learning_rate or c.learning_rate
        self.actor_lr, self.critic_lr = (Schedule.parse(rate, task.steps) for rate in rates)
        self.actor_optimizer = Adam([self.actor], self.actor_lr.start)
        self.critic_optimizer = Adam([self.critic], self.critic_lr.start)
        block = seeds_at_a_time(self.num_seeds, c.batch_size, c.net_arch, device)
        self.critic_gradient = gradient_of(self.critic_loss, device, seeds_at_a_time=block, name="critic")
        self.actor_gradient = gradient_of(self.actor_loss, device, seeds_at_a_time=block, name="actor")
        fields = replay_fields(self.obs_size, Field((self.dim,)))
        self.replay = Replay(self.num_seeds, min(c.buffer_size, task.steps), device.name, **fields)
        lanes = (self.num_seeds, c.n_envs, self.dim)
        self.noise = ActionNoise(c.noise_type, lanes, c.noise_std, c.noise_theta, c.noise_dt)
        self.train_round = UpdateRounds(c, task.steps)
        self.updates = np.zeros(self.num_seeds, np.int64)

    # -- functions of tensors; B transitions of each seed, actions in −1 … 1 -------------------------------------
    @watched
    def policy_of(self, actor: Tensor, obs: Tensor) -> Tensor:
        return torch.tanh(self.actor_net(actor, obs.flatten(2)))  # [S, B, A]

    def q_of(self, critic: Tensor, obs: Tensor, action: Tensor) -> Tensor:
        """Return both critics of every seed [S, 2, B], with one product per layer over 2S networks."""
        x = torch.cat([obs, action], -1).repeat_interleave(2, 0)
        return self.critic_net(critic.view(-1, self.critic_net.size), x).view(len(obs), 2, -1)

    def critic_loss(
        self, critic: Tensor, target_critic: Tensor, target_actor: Tensor, batch: Batch, normal: Tensor
    ) -> Loss:
        """Return the mean of Σᵢ (Qᵢ(s, a) − y)² [S], y = r + γ(1 − terminated) minᵢ Q'ᵢ(s', π'(s') + clipped noise).

        normal: standard normal [S, B, A]. Actions are normalised, so the noise is relative to each dimension's range.
        """
        c = self.config
        noise = (c.target_policy_noise * normal).clamp(-c.target_noise_clip, c.target_noise_clip)
        next_action = (self.policy_of(target_actor, batch.next_obs) + noise).clamp(-1, 1)  # [S, B, A]
        next_q = torch.minimum(*self.q_of(target_critic, batch.next_obs, next_action).unbind(1))  # [S, B]
        td_target = batch.reward + batch.discount * next_q
        q = self.q_of(critic, batch.obs, batch.action)  # [S, 2, B]
        loss = F.mse_loss(q, td_target.unsqueeze(1).expand_as(q), reduction="none").mean(-1).sum(-1)
        return loss, lambda: {"critic_loss": loss, "mean_q": q[:, 0].mean(-1)}

    def actor_loss(self, actor: Tensor, critic: Tensor, obs: Tensor) -> Loss:
        """Return the mean of −Q₁(s, π(s)) [S]."""
        x, first_critic = torch.cat([obs, self.policy_of(actor, obs)], -1), critic[:, : self.critic_net.size]
        loss = -self.critic_net(first_critic, x).squeeze(-1).mean(-1)
        return loss, lambda: {"actor_loss": loss}

    # -- the loop ------------------------------------------------------------------------------------------------
    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            action = self.explore(interaction)
            t = interaction.step(self.bounds.to_env(action))
            self.noise.restart(t.terminated | t.truncated)
            self.replay.add(**replay_entry(t, self.config.gamma, action))
            for _ in range(self.train_round.due(interaction.steps)):
                self.learn(interaction)

    def explore(self, interaction: Interaction) -> Any:
        """Return normalised actions [S, N, A]: the actor's plus noise, or uniform actions during the warm-up."""
        n = interaction.num_envs
        if interaction.steps < self.config.learning_starts:
            return (2 * self.streams.uniform("explore", n, self.dim) - 1).astype(np.float32)
        noise = self.noise.next(self.streams.normal("noise", n, self.dim), interaction.active)
        action = self.policy_of(self.actor, self.tensor(interaction.obs)).cpu().numpy()
        return np.clip(action + noise, -1, 1)

    def learn(self, interaction: Interaction) -> None:
        """Update both critics on a minibatch from replay; at every policy_delay-th call, the actor and the targets."""
        c, active = self.config, self.active(interaction)
        batch = Batch(**self.replay.minibatch(self.streams, c.batch_size))
        normal = self.tensor(self.streams.normal("smooth", c.batch_size, self.dim))
        self.critic_optimizer.set_lr(self.critic_lr(interaction.steps))
        grads, found = self.critic_gradient([self.critic], self.target_critic, self.target_actor, batch, normal)
        self.critic_optimizer.apply([self.critic], grads, active)
        interaction.log_mean(found)
        self.updates += 1  # equal in all seeds
        if (self.updates % c.policy_delay).any():
            return
        self.actor_optimizer.set_lr(self.actor_lr(interaction.steps))
        grads, found = self.actor_gradient([self.actor], self.critic, batch.obs)
        self.actor_optimizer.apply([self.actor], grads, active)
        interaction.log_mean(found)
        polyak(self.target_actor, self.actor, c.tau, active)
        polyak(self.target_critic, self.critic, c.tau, active)

    def act(self, obs: Any) -> Any:
        return self.bounds.to_env(self.policy_of(self.actor, self.tensor(obs)).cpu().numpy())

    def parts(self) -> dict[str, Any]:
        networks = {"actor": self.actor, "critic": self.critic}
        targets = {"target_actor": self.target_actor, "target_critic": self.target_critic}
        optimizers = {"actor_optimizer": self.actor_optimizer, "critic_optimizer": self.critic_optimizer}
        loop = {"replay": self.replay, "noise": self.noise, "train_round": self.train_round, "updates": self.updates}
        return {**networks, **targets, **optimizers, **loop}
