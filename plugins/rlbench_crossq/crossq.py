"""CrossQ, S seeds at once: soft actor-critic without target networks, whose critics are batch-normalised.

Source: Bhatt et al. 2024, "CrossQ: Batch Normalization in Deep Reinforcement Learning for Greater Sample Efficiency and
Simplicity", arXiv:1902.05605, with batch renormalisation as in SBX.
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
    ActionBounds,
    Adam,
    Batch,
    BatchRenormMLP,
    Field,
    Replay,
    Schedule,
    TorchAlgorithm,
    UpdateRounds,
    check_replay_settings,
    gradient_of,
    replay_entry,
    replay_fields,
    seeds_at_a_time,
    watched,
)
from rlbench.kit.squashed_gaussian import squashed_gaussian
from rlbench.kit.temperature import canonical, temperature

BETAS = (0.5, 0.999)  # Adam's betas for the actor and the critics; the temperature has Adam's defaults
LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0


@dataclass(frozen=True)
class CrossQConfig:
    """Hyperparameters, with Stable-Baselines3's and SBX's names where they have them. Actions are −1 … 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] | None = setting(None, "hidden layers; none: 256, 256; 1024, 1024 in critics")
    critic_net_arch: tuple[int, ...] | None = setting(None, "hidden layers of each critic; none: net_arch")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    batch_norm_momentum: float = setting(0.99, "decay of the running statistics", gt=0, lt=1)
    renorm_warmup_steps: int = setting(100_000, "minibatches before renormalisation", ge=0)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(1e-3, "step size, also of ent_coef; lin_1e-3: falls to 0", gt=0, schedule=True)
    critic_learning_rate: float | str | None = setting(None, "critic rate; none: learning_rate", gt=0, schedule=True)
    batch_size: int = setting(256, "transitions per update", ge=2)
    buffer_size: int = setting(1_000_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(100, "steps of uniform actions before the first update", ge=0, below_steps=True)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: one for each step of a seed since the last round", ge=-1)
    policy_delay: int = setting(3, "critic updates per update of the actor and the temperature", ge=1)
    ent_coef: float | str = setting("auto", "temperature; auto: learned, starts at 1; auto_0.1: starts at 0.1")
    target_entropy: float | Literal["auto"] = setting("auto", "auto: −1 per action dimension (arXiv:1812.05905)")

    def __post_init__(self) -> None:
        check_replay_settings(self)
        object.__setattr__(self, "ent_coef", canonical(self.ent_coef))


class CrossQ(TorchAlgorithm):
    """One pass of the critics over (s, a) and (s', a') computes values and targets, with the same statistics."""

    Config = CrossQConfig
    per_seed = ("learning_rate", "gamma")
    policy_parts = ("actor",)

    def __init__(self, config: CrossQConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, self.bounds = config, ActionBounds(task.action_space)
        self.dim = self.bounds.size
        actor_arch, critic_arch = ((256, 256), (1024, 1024)) if c.net_arch is None else (c.net_arch, c.net_arch)
        critic_arch = critic_arch if c.critic_net_arch is None else c.critic_net_arch
        norm = c.activation_fn, c.batch_norm_momentum, c.renorm_warmup_steps
        self.actor_net = BatchRenormMLP((self.obs_size, *actor_arch, 2 * self.dim), *norm)
        self.critic_net = BatchRenormMLP((self.obs_size + self.dim, *critic_arch, 1), *norm)
        self.actor = self.actor_net.init(streams, "init", device=device.name)  # [S, P], statistics included
        self.critic = self.critic_net.init(streams, "init", 2, device.name).view(self.num_seeds, -1)  # both: [S, 2P]
        self.target_entropy = -float(self.dim) if c.target_entropy == "auto" else c.target_entropy
        alpha, self.learns_alpha = temperature(c.ent_coef)
        self.log_alpha = torch.full((self.num_seeds, 16), math.log(alpha), device=device.name)  # only column 0 is used
        rates = c.learning_rate, c.critic_learning_rate or c.learning_rate
        self.actor_lr, self.critic_lr = (Schedule.parse(rate, task.steps) for rate in rates)
        self.actor_optimizer = Adam([self.actor], self.actor_lr.start, betas=BETAS)
        self.alpha_optimizer = Adam([self.log_alpha], self.actor_lr.start)
        self.critic_optimizer = Adam([self.critic], self.critic_lr.start, betas=BETAS)
        block = seeds_at_a_time(self.num_seeds, 2 * c.batch_size, critic_arch, device)
        self.critic_gradient = gradient_of(self.critic_loss, device, seeds_at_a_time=block, name="critic")
        self.actor_gradient = gradient_of(self.actor_loss, device, seeds_at_a_time=block, name="actor")
        fields = replay_fields(self.obs_size, Field((self.dim,)))
        self.replay = Replay(self.num_seeds, min(c.buffer_size, task.steps), device.name, **fields)
        self.train_round = UpdateRounds(c, task.steps)
        self.updates = np.zeros(self.num_seeds, np.int64)

    # -- functions of tensors; B transitions of each seed, actions in −1 … 1 -------------------------------------
    @watched
    def mode(self, actor: Tensor, obs: Tensor) -> Tensor:
        return torch.tanh(self.actor_net(actor, obs.flatten(2))[..., : self.dim])  # [S, B, A]

    @watched
    def policy_of(self, actor: Tensor, obs: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Return sampled actions [S, B, A] and their log-densities [S, B]."""
        return self.sample(self.actor_net(actor, obs.flatten(2)), normal)

    def sample(self, outputs: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std = outputs.split(self.dim, -1)
        return squashed_gaussian(mean, log_std.clamp(LOG_STD_MIN, LOG_STD_MAX), normal)

    def critic_loss(self, critic: Tensor, actor: Tensor, log_alpha: Tensor, batch: Batch, normal: Tensor) -> Any:
        """Return the mean of ½ Σᵢ (Qᵢ(s, a) − y)² [S], and the critics' statistics after this minibatch.

        y = r + γ(1 − terminated) (minᵢ Qᵢ(s', a') − α log π(a'|s')), with a' sampled by `normal` [S, B, A], has no
        gradient. But Q(s, a) and Q(s', a') come from one pass over 2B rows, whose mean and variance depend on both.
        """
        next_action, next_log_prob = self.policy_of(actor, batch.next_obs, normal)
        obs, action = torch.cat([batch.obs, batch.next_obs], 1), torch.cat([batch.action, next_action], 1)
        x = torch.cat([obs, action], -1).repeat_interleave(2, 0)  # [2S, 2B, O + A]
        values, statistics = self.critic_net.train(critic.view(-1, self.critic_net.size), x)
        q, next_q = values.view(len(obs), 2, 2, -1).unbind(2)  # each [S, 2, B]
        next_value = torch.minimum(*next_q.unbind(1)) - log_alpha.exp()[:, :1] * next_log_prob
        td_target = (batch.reward + batch.discount * next_value).detach()
        loss = 0.5 * (q - td_target.unsqueeze(1)).square().mean(-1).sum(-1)
        return loss, lambda: {"critic_loss": loss, "mean_q": q[:, 0].mean(-1)}, statistics

    def actor_loss(self, actor: Tensor, log_alpha: Tensor, critic: Tensor, obs: Tensor, normal: Tensor) -> Any:
        """Return SAC's loss of actor and α [S], and the actor's new statistics. The critics use running statistics."""
        outputs, statistics = self.actor_net.train(actor, obs)
        action, log_prob = self.sample(outputs, normal)
        x = torch.cat([obs, action], -1).repeat_interleave(2, 0)
        values = self.critic_net(critic.view(-1, self.critic_net.size), x).view(len(obs), 2, -1)
        alpha = log_alpha.detach().exp()[:, :1]
        policy_loss = -(torch.minimum(*values.unbind(1)) - alpha * log_prob).mean(-1)  # [S]
        entropy = -log_prob.detach().mean(-1)
        loss = policy_loss + float(self.learns_alpha) * log_alpha[:, 0] * (entropy - self.target_entropy)
        return loss, lambda: {"actor_loss": policy_loss, "alpha": alpha[:, 0], "entropy": entropy}, statistics

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
        """Update the critics on a minibatch from replay; at every policy_delay-th call, the actor and α too."""
        c, active = self.config, self.active(interaction)
        batch = Batch(**self.replay.minibatch(self.streams, c.batch_size))
        normal = self.tensor(self.streams.normal("update", 2, c.batch_size, self.dim))
        self.critic_optimizer.set_lr(self.critic_lr(interaction.steps))
        grads, found, statistics = self.critic_gradient([self.critic], self.actor, self.log_alpha, batch, normal[:, 0])
        self.critic_optimizer.apply([self.critic], grads, active)
        self.critic_net.store(self.critic, statistics, active)
        interaction.log_mean(found)
        self.updates += 1  # equal in all seeds
        if (self.updates % c.policy_delay).any():
            return
        params = [self.actor, self.log_alpha]
        grads, found, statistics = self.actor_gradient(params, self.critic, batch.obs, normal[:, 1])
        for optimizer, param, grad in zip((self.actor_optimizer, self.alpha_optimizer), params, grads):
            optimizer.set_lr(self.actor_lr(interaction.steps))
            optimizer.apply([param], [grad], active)
        self.actor_net.store(self.actor, statistics, active)
        interaction.log_mean(found)

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
        learned = {"actor": self.actor, "log_alpha": self.log_alpha, "critic": self.critic}
        optimizers = {"actor_optimizer": self.actor_optimizer, "critic_optimizer": self.critic_optimizer}
        loop = {"replay": self.replay, "train_round": self.train_round, "updates": self.updates}
        return {**learned, **optimizers, "alpha_optimizer": self.alpha_optimizer, **loop}
