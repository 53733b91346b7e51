"""Soft actor-critic, S seeds at once: squashed Gaussian policy, twin critics, a separate temperature for each seed.

Sources: Haarnoja et al. 2018, arXiv:1801.01290; with the learned temperature: Haarnoja et al. 2018, arXiv:1812.05905.
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
from rlbench.kit.squashed_gaussian import squashed_gaussian
from rlbench.kit.temperature import canonical, temperature


@dataclass(frozen=True)
class SACConfig:
    """Hyperparameters, with Stable-Baselines3's names where it has them. Actions are normalised to −1 … 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of the actor and of each critic")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(3e-4, "step size, also of ent_coef; lin_3e-4: falls to 0", gt=0, schedule=True)
    critic_learning_rate: float | str | None = setting(None, "critic rate; none: learning_rate", gt=0, schedule=True)
    layer_norm: bool = setting(False, "layer normalisation in the critics (arXiv:2110.02034)")
    dropout: float = setting(0.0, "share of the critics' hidden units dropped in an update", ge=0, lt=1)
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
    noise_type: Literal["none", "normal", "ornstein-uhlenbeck"] = setting("none", "noise added to the policy's actions")
    noise_std: float = setting(0.1, "scale of the added noise, in half ranges of the action", ge=0)
    noise_theta: float = setting(0.15, "Ornstein-Uhlenbeck's pull towards 0 per unit of time", ge=0, le=1)
    noise_dt: float = setting(1.0, "Ornstein-Uhlenbeck's time between two steps", gt=0, le=1)

    def __post_init__(self) -> None:
        check_replay_settings(self)
        object.__setattr__(self, "ent_coef", canonical(self.ent_coef))


class SAC(TorchAlgorithm):
    """A stochastic actor maximises the smaller of two critics plus its entropy, which the critics count as reward."""

    Config = SACConfig
    per_seed = ("learning_rate", "gamma")
    policy_parts = ("actor",)

    def __init__(self, config: SACConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, s, self.bounds = config, self.num_seeds, ActionBounds(task.action_space)
        self.dim = self.bounds.size
        self.actor_net = MLP((self.obs_size, *c.net_arch, 2 * self.dim), c.activation_fn)
        dims = (self.obs_size + self.dim, *c.net_arch, 1)
        self.critic_net = MLP(dims, c.activation_fn, layer_norm=c.layer_norm, dropout=c.dropout)
        self.actor = self.actor_net.init(streams, "init", device=device.name)  # [S, P]
        self.critic = self.critic_net.init(streams, "init", 2, device.name).view(s, -1)  # both: [S, 2P]
        self.target = self.critic.clone()
        self.target_entropy = -float(self.dim) if c.target_entropy == "auto" else c.target_entropy
        alpha, self.learns_alpha = temperature(c.ent_coef)
        self.log_alpha = torch.full((s, 16), math.log(alpha), device=device.name)  # only column 0 is used
        rates = c.learning_rate, c.critic_learning_rate or c.learning_rate
        self.actor_lr, self.critic_lr = (Schedule.parse(rate, task.steps) for rate in rates)
        self.actor_optimizer = Adam([self.actor, self.log_alpha], self.actor_lr.start)
        self.critic_optimizer = Adam([self.critic], self.critic_lr.start)
        block = seeds_at_a_time(s, c.batch_size, c.net_arch, device)
        self.critic_gradient = gradient_of(self.critic_loss, device, seeds_at_a_time=block, name="critic")
        self.actor_gradient = gradient_of(self.actor_loss, device, seeds_at_a_time=block, name="actor")
        fields = replay_fields(self.obs_size, Field((self.dim,)))
        self.replay = Replay(s, min(c.buffer_size, task.steps), device.name, **fields)
        self.noise = ActionNoise(c.noise_type, (s, c.n_envs, self.dim), c.noise_std, c.noise_theta, c.noise_dt)
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

    def q_of(self, critic: Tensor, obs: Tensor, action: Tensor, masks: Any) -> Tensor:
        """Return both critics of every seed [S, 2, B], with one product per layer over 2S networks."""
        x = torch.cat([obs, action], -1).repeat_interleave(2, 0)
        return self.critic_net(critic.view(-1, self.critic_net.size), x, masks).view(len(obs), 2, -1)

    def critic_loss(
        self, critic: Tensor, target: Tensor, actor: Tensor, log_alpha: Tensor, batch: Batch, drop: Any, normal: Tensor
    ) -> Loss:
        """Return the mean of ½ Σᵢ (Qᵢ(s, a) − y)² [S], y = r + γ(1 − terminated) V(s').

        V(s') = minᵢ Q'ᵢ(s', a') − α log π(a'|s'), a' sampled by `normal` [S, B, A]. drop: dropout masks of Q and Q'.
        """
        next_action, next_log_prob = self.policy_of(actor, batch.next_obs, normal)
        next_q = torch.minimum(*self.q_of(target, batch.next_obs, next_action, drop[1]).unbind(1))  # [S, B]
        td_target = batch.reward + batch.discount * (next_q - log_alpha.exp()[:, :1] * next_log_prob)
        q = self.q_of(critic, batch.obs, batch.action, drop[0])  # [S, 2, B]
        loss = 0.5 * (q - td_target.unsqueeze(1)).square().mean(-1).sum(-1)
        return loss, lambda: {"critic_loss": loss, "mean_q": q[:, 0].mean(-1)}

    def actor_loss(
        self, actor: Tensor, log_alpha: Tensor, critic: Tensor, obs: Tensor, masks: Any, normal: Tensor
    ) -> Loss:
        """Return the actor's loss at constant α plus α's own loss [S]; the latter lowers α while entropy is high."""
        action, log_prob = self.policy_of(actor, obs, normal)
        q = torch.minimum(*self.q_of(critic, obs, action, masks).unbind(1))  # [S, B]
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
            self.noise.restart(t.terminated | t.truncated)
            self.replay.add(**replay_entry(t, self.config.gamma, action))
            for _ in range(self.train_round.due(interaction.steps)):
                self.learn(interaction)

    def explore(self, interaction: Interaction) -> Any:
        """Return normalised actions [S, N, A]: the policy's plus noise, or uniform actions during the warm-up."""
        n = interaction.num_envs
        if interaction.steps < self.config.learning_starts:
            return (2 * self.streams.uniform("explore", n, self.dim) - 1).astype(np.float32)
        noise = self.noise.next(self.streams.normal("noise", n, self.dim), interaction.active)
        return np.clip(self.draw(interaction.obs, "act") + noise, -1, 1)

    def learn(self, interaction: Interaction) -> None:
        """Update the critics, the actor, the temperature and the targets on a minibatch from replay."""
        c, active = self.config, self.active(interaction)
        batch = Batch(**self.replay.minibatch(self.streams, c.batch_size))
        normal = self.tensor(self.streams.normal("update", 2, c.batch_size, self.dim))
        drop = [self.critic_net.masks(self.streams, "dropout", 2, c.batch_size, self.device.name) for _ in range(3)]
        self.critic_optimizer.set_lr(self.critic_lr(interaction.steps))
        given = self.target, self.actor, self.log_alpha, batch, drop[:2], normal[:, 0]
        grads, critic_found = self.critic_gradient([self.critic], *given)
        self.critic_optimizer.apply([self.critic], grads, active)
        self.actor_optimizer.set_lr(self.actor_lr(interaction.steps))
        params = [self.actor, self.log_alpha]
        grads, actor_found = self.actor_gradient(params, self.critic, batch.obs, drop[2], normal[:, 1])
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
        return {**learned, **optimizers, "replay": self.replay, "noise": self.noise, "train_round": self.train_round}
