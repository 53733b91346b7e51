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

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import ActionBounds, ActionNoise, Field, Replay, compile_methods, seeds_at_a_time, tensor
from rlbench.kit.kernel_choice import watched
from rlbench.kit.optimizers import Adam, polyak
from rlbench.kit.schedules import Every, decay, parse_schedule
from rlbench.kit.squashed_gaussian import squashed_gaussian
from rlbench.kit.stacked_networks import MLP, value_and_grad
from rlbench.kit.state_dict import pack, unpack
from rlbench_sac.temperature import canonical, temperature


@dataclass(frozen=True)
class SACConfig:
    """Hyperparameters, with Stable-Baselines3's names where it has them. Actions are normalised to −1 … 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of the actor and of each critic")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(3e-4, "Adam's, ent_coef's too; lin_3e-4: falls to 0", gt=0, schedule=True)
    critic_learning_rate: float | str | None = setting(None, "the critics'; none: learning_rate", gt=0, schedule=True)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    batch_size: int = setting(256, "transitions per update (arXiv:1812.05905)", ge=1)
    buffer_size: int = setting(1_000_000, "transitions kept for replay (arXiv:1812.05905)", ge=1)
    learning_starts: int = setting(1_000, "steps of uniformly random actions before the first update", ge=0)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: as many as steps of one seed since the last round", ge=-1)
    ent_coef: float | str = setting("auto", "temperature; auto: learned, starts at 1; auto_0.1: starts at 0.1")
    target_entropy: float | Literal["auto"] = setting("auto", "auto: minus the action's dimensions (arXiv:1812.05905)")
    log_std_min: float = setting(-20.0, "minimum log standard deviation before squashing; it starts near 0", le=0)
    log_std_max: float = setting(2.0, "maximum log standard deviation before squashing", ge=0)
    noise_type: Literal["none", "normal", "ornstein-uhlenbeck"] = setting("none", "added to the policy's actions")
    noise_std: float = setting(0.1, "scale of that noise, in half ranges of the action", ge=0)
    noise_theta: float = setting(0.15, "Ornstein-Uhlenbeck's pull towards 0 per unit of time", ge=0, le=1)
    noise_dt: float = setting(1.0, "Ornstein-Uhlenbeck's time between two steps", gt=0, le=1)

    def __post_init__(self) -> None:
        if self.gradient_steps == 0:
            raise ValueError("gradient_steps must be -1 or at least 1")
        if self.buffer_size < self.batch_size:
            raise ValueError(f"buffer_size {self.buffer_size} is smaller than batch_size {self.batch_size}")
        object.__setattr__(self, "ent_coef", canonical(self.ent_coef))


class SAC(Algorithm):
    """A stochastic actor maximises the smaller of two critics plus its entropy, which the critics count as reward."""

    Config = SACConfig

    def __init__(self, config: SACConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, obs_size = config, int(np.prod(task.observation_space.shape or ()))
        if c.learning_starts >= task.steps:
            raise ValueError(f"learning_starts {c.learning_starts} leaves none of the {task.steps} steps for learning")
        self.num_seeds, self.bounds = len(streams.seeds), ActionBounds(task.action_space)
        self.dim = self.bounds.size
        self.actor_net = MLP((obs_size, *c.net_arch, 2 * self.dim), c.activation_fn)
        self.critic_net = MLP((obs_size + self.dim, *c.net_arch, 1), c.activation_fn)
        self.actor = self.actor_net.init(streams, "init", device=device.name)  # [S, P]
        self.critic = self.critic_net.init(streams, "init", 2, device.name).view(self.num_seeds, -1)  # both: [S, 2P]
        self.target = self.critic.clone()
        self.target_entropy = -float(self.dim) if c.target_entropy == "auto" else c.target_entropy
        alpha, self.learns_alpha = temperature(c.ent_coef)
        self.log_alpha = torch.full((self.num_seeds, 16), math.log(alpha), device=device.name)  # only column 0 is used
        self.rates = [parse_schedule(x) for x in (c.learning_rate, c.critic_learning_rate or c.learning_rate)]
        self.actor_optimizer = Adam([self.actor, self.log_alpha], self.rates[0][0])
        self.critic_optimizer = Adam([self.critic], self.rates[1][0])
        fields = {"obs": Field((obs_size,)), "action": Field((self.dim,)), "next_obs": Field((obs_size,))}
        fields |= {"reward": Field(), "discount": Field()}
        self.replay = Replay(self.num_seeds, min(c.buffer_size, task.steps), device.name, **fields)
        lanes, self.train_round = (self.num_seeds, c.n_envs, self.dim), Every(c.train_freq)
        self.noise = ActionNoise(c.noise_type, lanes, c.noise_std, c.noise_theta, c.noise_dt)
        block = seeds_at_a_time(self.num_seeds, c.batch_size, c.net_arch, device)
        compile_methods(device, self.critic_gradient, self.actor_gradient, seeds_at_a_time=block)

    # -- functions of tensors; B transitions of each seed, actions in −1 … 1 -------------------------------------
    @watched
    def mode(self, actor: Tensor, obs: Tensor) -> Tensor:
        return torch.tanh(self.actor_net(actor, obs.flatten(2))[..., : self.dim])  # [S, B, A]

    @watched
    def policy_of(self, actor: Tensor, obs: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Return sampled actions [S, B, A] and their log-densities [S, B]."""
        mean, log_std = self.actor_net(actor, obs.flatten(2)).split(self.dim, -1)
        return squashed_gaussian(mean, log_std.clamp(self.config.log_std_min, self.config.log_std_max), normal)

    def values(self, critic: Tensor, obs: Tensor, action: Tensor) -> Tensor:
        """Return both critics of every seed [S, 2, B], with one product per layer over 2S networks."""
        x = torch.cat([obs, action], -1).repeat_interleave(2, 0)
        return self.critic_net(critic.view(-1, self.critic_net.size), x).view(len(obs), 2, -1)

    def soft_value(self, critic: Tensor, obs: Tensor, action: Tensor, log_prob: Tensor, log_alpha: Tensor) -> Tensor:
        """Return the smaller Q − α log π(a|s) [S, B], whose mean over actions is the value of a state."""
        value = self.values(critic, obs, action)
        return torch.minimum(value[:, 0], value[:, 1]) - log_alpha.exp()[:, :1] * log_prob

    def critic_loss(self, critic: Tensor, obs: Tensor, action: Tensor, target: Tensor) -> Tensor:
        error = self.values(critic, obs, action) - target.unsqueeze(1)
        return 0.5 * (error * error).mean(-1).sum(-1)  # [S]

    def actor_loss(self, actor: Tensor, log_alpha: Tensor, critic: Tensor, obs: Tensor, normal: Tensor) -> Tensor:
        """Return the loss of the actor, at constant critics and α, plus that of α, which falls at high entropy [S]."""
        action, log_prob = self.policy_of(actor, obs, normal)
        value = self.soft_value(critic, obs, action, log_prob, log_alpha.detach()).mean(-1)
        excess = -log_prob.detach().mean(-1) - self.target_entropy
        return float(self.learns_alpha) * log_alpha[:, 0] * excess - value

    def critic_gradient(self, params: list[Tensor], batch: dict[str, Tensor], normal: Tensor) -> list[Tensor]:
        (actor, log_alpha, critic, target), next_obs = params, batch["next_obs"]
        next_value = self.soft_value(target, next_obs, *self.policy_of(actor, next_obs, normal), log_alpha)
        td_target = batch["reward"] + batch["discount"] * next_value  # the discount is 0 only after termination
        return value_and_grad(self.critic_loss, [critic], batch["obs"], batch["action"], td_target)[1]

    def actor_gradient(self, params: list[Tensor], obs: Tensor, normal: Tensor) -> list[Tensor]:
        actor, log_alpha, critic, _ = params
        return value_and_grad(self.actor_loss, [actor, log_alpha], critic, obs, normal)[1]

    def update(self, params: list[Tensor], batch: dict[str, Tensor], normal: Tensor, active: Tensor) -> None:
        actor, log_alpha, critic, target = params
        self.critic_optimizer.apply([critic], self.critic_gradient(params, batch, normal[:, 0]), active)
        grads = self.actor_gradient(params, batch["obs"], normal[:, 1])
        self.actor_optimizer.apply([actor, log_alpha], grads, active)
        polyak(target, critic, self.config.tau, active)

    # -- the loop ------------------------------------------------------------------------------------------------
    def act(self, obs: Any) -> Any:
        return self.bounds.to_env(self.mode(self.actor, tensor(obs, self.device.name)).cpu().numpy())

    def policy(self, mode: str = "greedy") -> Any:
        if mode != "sampled":
            return super().policy(mode)
        return lambda obs, start: self.bounds.to_env(self.draw(obs, "evaluate"))

    def draw(self, obs: Any, stream: str) -> Any:
        normal = tensor(self.streams.normal(stream, obs.shape[1], self.dim), self.device.name)
        return self.policy_of(self.actor, tensor(obs, self.device.name), normal)[0].cpu().numpy()  # normalised

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            action = self.explore(interaction)
            t = interaction.step(self.bounds.to_env(action))
            self.noise.restart(t.terminated | t.truncated)
            obs, next_obs = (x.reshape(*t.reward.shape, -1) for x in (t.obs, t.next_obs))
            discount = np.where(t.terminated, np.float32(0), np.float32(self.config.gamma))  # truncation bootstraps
            self.replay.add(obs=obs, action=action, reward=t.reward, next_obs=next_obs, discount=discount)
            due = self.train_round.due(interaction.steps // self.config.n_envs)  # counts steps of all environments
            if due and interaction.steps > self.config.learning_starts:
                self.learn(interaction)

    def explore(self, interaction: Interaction) -> Any:
        """Return normalised actions [S, N, A]: the policy's plus noise, or uniformly random ones during the warm-up."""
        if interaction.steps < self.config.learning_starts:
            return (2 * self.streams.uniform("explore", interaction.num_envs, self.dim) - 1).astype(np.float32)
        noise = self.noise.next(self.streams.normal("noise", interaction.num_envs, self.dim), interaction.active)
        return np.clip(self.draw(interaction.obs, "act") + noise, -1, 1)

    def learn(self, interaction: Interaction) -> None:
        c, active = self.config, tensor(interaction.active, self.device.name)
        for adam, (lr, shape) in zip((self.actor_optimizer, self.critic_optimizer), self.rates):
            adam.set_lr(decay(1.0, 0.0, interaction.budget.steps, interaction.steps, shape) * lr)
        params = [self.actor, self.log_alpha, self.critic, self.target]
        for _ in range(c.train_freq * c.n_envs if c.gradient_steps < 0 else c.gradient_steps):
            index = tensor(self.streams.integers("replay", self.replay.size, c.batch_size), self.device.name)
            normal = tensor(self.streams.normal("update", 2, c.batch_size, self.dim), self.device.name)
            self.update(params, self.replay.sample(index), normal, active)

    # -- checkpoints ---------------------------------------------------------------------------------------------
    def parts(self) -> dict[str, Any]:
        learned = {"actor": self.actor, "log_alpha": self.log_alpha, "critic": self.critic, "target": self.target}
        optimizers = {"actor_optimizer": self.actor_optimizer, "critic_optimizer": self.critic_optimizer}
        return {**learned, **optimizers, "replay": self.replay, "noise": self.noise, "train_round": self.train_round}

    def state(self) -> dict[str, Any]:
        return pack(self.parts(), self.num_seeds)

    def load_state(self, state: Any) -> None:
        unpack(self.parts(), state)

    def final_state(self) -> dict[str, Any]:
        return pack({"actor": self.actor}, self.num_seeds)

    def load_final_state(self, state: Any) -> None:
        unpack({"actor": self.actor}, state)
