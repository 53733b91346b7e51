"""Truncated quantile critics, S seeds at once: soft actor-critic with targets that leave out the largest quantiles.

Source: Kuznetsov et al. 2020, arXiv:2005.04269. It differs from rlbench_sac/sac.py only in the critics (`quantiles_of`,
`q_of`, `critic_loss`, `actor_loss`), without their dropout in `learn` and without noise in `train`, `explore` and
`parts`; hence also in `__init__`, `Config.__post_init__` and the parameters `n_critics`, `n_quantiles`,
`top_quantiles_to_drop_per_net`, `layer_norm`, `dropout`, `noise_type`, `noise_std`, `noise_theta` and `noise_dt`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    MLP,
    ActionBounds,
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
    quantile_huber_loss,
    replay_entry,
    replay_fields,
    seeds_at_a_time,
    watched,
)
from rlbench.kit.squashed_gaussian import squashed_gaussian
from rlbench.kit.temperature import canonical, temperature


@dataclass(frozen=True)
class TQCConfig:
    """Hyperparameters, with sb3-contrib's names where it has them. Actions are normalised to −1 … 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of the actor and of each critic")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    n_critics: int = setting(2, "critics, whose quantiles are pooled in a target", ge=1)
    n_quantiles: int = setting(25, "quantiles of each critic", ge=1)
    top_quantiles_to_drop_per_net: int = setting(2, "largest quantiles left out of a target, for each critic", ge=0)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(3e-4, "step size, also of ent_coef; lin_3e-4: falls to 0", gt=0, schedule=True)
    critic_learning_rate: float | str | None = setting(None, "critic rate; none: learning_rate", gt=0, schedule=True)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    batch_size: int = setting(256, "transitions per update (arXiv:1812.05905)", ge=1)
    buffer_size: int = setting(1_000_000, "transitions kept for replay (arXiv:1812.05905)", ge=1)
    learning_starts: int = setting(1_000, "steps of uniform actions before the first update", ge=0, below_steps=True)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: one for each step of a seed since the last round", ge=-1)
    ent_coef: float | str = setting("auto", "temperature; auto: learned, starts at 1; auto_0.1: starts at 0.1")
    target_entropy: float | Literal["auto"] = setting("auto", "auto: −1 per action dimension (arXiv:1812.05905)")
    log_std_min: float = setting(-20.0, "minimum log standard deviation before squashing; training starts near 0", le=0)
    log_std_max: float = setting(2.0, "maximum log standard deviation before squashing", ge=0)

    def __post_init__(self) -> None:
        check_replay_settings(self)
        object.__setattr__(self, "ent_coef", canonical(self.ent_coef))
        if self.top_quantiles_to_drop_per_net >= self.n_quantiles:
            raise ValueError(f"top_quantiles_to_drop_per_net must be below n_quantiles, {self.n_quantiles}")


class TQC(TorchAlgorithm):
    """A stochastic actor maximises the mean of all quantiles plus its entropy, which the critics count as reward."""

    Config = TQCConfig
    per_seed = ("learning_rate", "gamma")
    policy_parts = ("actor",)

    def __init__(self, config: TQCConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, self.bounds = config, ActionBounds(task.action_space)
        self.dim = self.bounds.size
        self.actor_net = MLP((self.obs_size, *c.net_arch, 2 * self.dim), c.activation_fn)
        self.critic_net = MLP((self.obs_size + self.dim, *c.net_arch, c.n_quantiles), c.activation_fn)
        self.actor = self.actor_net.init(streams, "init", device=device.name)  # [S, P]
        critics = self.critic_net.init(streams, "init", c.n_critics, device.name)  # [S · C, P]
        self.critic = critics.view(self.num_seeds, -1)  # [S, C · P]
        self.target = self.critic.clone()
        self.target_entropy = -float(self.dim) if c.target_entropy == "auto" else c.target_entropy
        alpha, self.learns_alpha = temperature(c.ent_coef)
        self.log_alpha = torch.full((self.num_seeds, 16), math.log(alpha), device=device.name)  # only column 0 is used
        rates = c.learning_rate, c.critic_learning_rate or c.learning_rate
        self.actor_lr, self.critic_lr = (Schedule.parse(rate, task.steps) for rate in rates)
        self.actor_optimizer = Adam([self.actor, self.log_alpha], self.actor_lr.start)
        self.critic_optimizer = Adam([self.critic], self.critic_lr.start)
        self.kept = c.n_critics * (c.n_quantiles - c.top_quantiles_to_drop_per_net)
        pairs = c.n_critics * c.n_quantiles * self.kept  # pairs of a quantile and a target, for each transition
        block = seeds_at_a_time(self.num_seeds, c.batch_size, (*c.net_arch, pairs), device)
        self.critic_gradient = gradient_of(self.critic_loss, device, seeds_at_a_time=block, name="critic")
        self.actor_gradient = gradient_of(self.actor_loss, device, seeds_at_a_time=block, name="actor")
        fields = replay_fields(self.obs_size, Field((self.dim,)))
        self.replay = Replay(self.num_seeds, min(c.buffer_size, task.steps), device.name, **fields)
        self.train_round = UpdateRounds(c, task.steps)

    # -- functions of tensors; B transitions of each seed, actions in −1 … 1 -------------------------------------
    @watched
    def mode(self, actor: Tensor, obs: Tensor) -> Tensor:
        return torch.tanh(self.actor_net(actor, obs.flatten(2))[..., : self.dim])  # [S, B, A]

    @watched
    def policy_of(self, actor: Tensor, obs: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Return sampled actions [S, B, A] and their log-densities [S, B]."""
        mean, log_std = self.actor_net(actor, obs.flatten(2)).split(self.dim, -1)
        return squashed_gaussian(mean, log_std.clamp(self.config.log_std_min, self.config.log_std_max), normal)

    def quantiles_of(self, critic: Tensor, obs: Tensor, action: Tensor) -> Tensor:
        """Return the quantiles of all critics [S, B, C, Q], with one product per layer over S · C networks."""
        x = torch.cat([obs, action], -1).repeat_interleave(self.config.n_critics, 0)
        quantiles = self.critic_net(critic.view(-1, self.critic_net.size), x)  # [S · C, B, Q]
        return quantiles.view(len(obs), -1, *quantiles.shape[1:]).transpose(1, 2).contiguous()

    def critic_loss(
        self, critic: Tensor, target: Tensor, actor: Tensor, log_alpha: Tensor, batch: Batch, normal: Tensor
    ) -> Loss:
        """Return the mean quantile loss [S] of all critics; targets are r + γ(1 − terminated) (zⱼ − α log π(a'|s')).

        zⱼ: the T smallest of all target critics' quantiles at (s', a'); a' is sampled by `normal` [S, B, A].
        """
        next_action, next_log_prob = self.policy_of(actor, batch.next_obs, normal)
        pooled = self.quantiles_of(target, batch.next_obs, next_action).flatten(2)  # [S, B, C · Q]
        smallest = pooled.sort(-1).values[..., : self.kept]  # [S, B, T]
        next_value = smallest - (log_alpha.exp()[:, :1] * next_log_prob).unsqueeze(-1)
        td_target = batch.reward.unsqueeze(-1) + batch.discount.unsqueeze(-1) * next_value
        quantiles = self.quantiles_of(critic, batch.obs, batch.action)  # [S, B, C, Q]
        loss = quantile_huber_loss(quantiles, td_target.unsqueeze(2)).flatten(1).mean(-1)
        return loss, lambda: {"critic_loss": loss, "mean_q": quantiles.flatten(1).mean(-1)}

    def actor_loss(self, actor: Tensor, log_alpha: Tensor, critic: Tensor, obs: Tensor, normal: Tensor) -> Loss:
        """Return the actor's loss at constant α plus α's own loss [S]; the latter lowers α while entropy is high."""
        action, log_prob = self.policy_of(actor, obs, normal)
        q = self.quantiles_of(critic, obs, action).flatten(2).mean(-1)  # [S, B]
        alpha = log_alpha.detach().exp()[:, :1]
        policy_loss = -(q - alpha * log_prob).mean(-1)  # [S]
        entropy = -log_prob.detach().mean(-1)
        loss = policy_loss + float(self.learns_alpha) * log_alpha[:, 0] * (entropy - self.target_entropy)
        return loss, lambda: {"actor_loss": policy_loss, "alpha": alpha[:, 0], "entropy": entropy}

    # -- the loop ------------------------------------------------------------------------------------------------
    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            action = self.explore(interaction)
            t = interaction.step(self.bounds.to_env(action))
            self.replay.add(**replay_entry(t, self.config.gamma, action))
            for _ in range(self.train_round.due(interaction.steps)):
                self.learn(interaction)

    def explore(self, interaction: Interaction) -> Any:
        """Return normalised actions [S, N, A]: the policy's, or uniform actions during the warm-up."""
        if interaction.steps < self.config.learning_starts:
            return (2 * self.streams.uniform("explore", interaction.num_envs, self.dim) - 1).astype(np.float32)
        return self.draw(interaction.obs, "act")

    def learn(self, interaction: Interaction) -> None:
        """Update the critics, the actor, the temperature and the targets on a minibatch from replay."""
        c, active = self.config, self.active(interaction)
        batch = Batch(**self.replay.minibatch(self.streams, c.batch_size))
        normal = self.tensor(self.streams.normal("update", 2, c.batch_size, self.dim))
        self.critic_optimizer.set_lr(self.critic_lr(interaction.steps))
        given = self.target, self.actor, self.log_alpha, batch, normal[:, 0]
        grads, critic_found = self.critic_gradient([self.critic], *given)
        self.critic_optimizer.apply([self.critic], grads, active)
        self.actor_optimizer.set_lr(self.actor_lr(interaction.steps))
        params = [self.actor, self.log_alpha]
        grads, actor_found = self.actor_gradient(params, self.critic, batch.obs, normal[:, 1])
        self.actor_optimizer.apply(params, grads, active)
        polyak(self.target, self.critic, c.tau, active)
        interaction.log_mean(critic_found, actor_found)

    def draw(self, obs: Any, stream: str) -> Any:
        """Sample normalised actions [S, N, A] from the policy, with random numbers from the stream `stream`."""
        normal = self.tensor(self.streams.normal(stream, obs.shape[1], self.dim))
        return self.policy_of(self.actor, self.tensor(obs), normal)[0].cpu().numpy()

    def act(self, obs: Any) -> Any:
        return self.bounds.to_env(self.mode(self.actor, self.tensor(obs)).cpu().numpy())

    def policy(self, mode: str = "greedy") -> Any:
        if mode != "sampled":
            return super().policy(mode)
        return lambda obs, start: self.bounds.to_env(self.draw(obs, "evaluate"))

    def parts(self) -> dict[str, Any]:
        learned = {"actor": self.actor, "log_alpha": self.log_alpha, "critic": self.critic, "target": self.target}
        optimizers = {"actor_optimizer": self.actor_optimizer, "critic_optimizer": self.critic_optimizer}
        return {**learned, **optimizers, "replay": self.replay, "train_round": self.train_round}
