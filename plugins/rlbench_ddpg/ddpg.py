"""Deep deterministic policy gradient, S seeds at once.

Source: Lillicrap et al. 2016, "Continuous control with deep reinforcement learning", arXiv:1509.02971, algorithm 1.
"""

from __future__ import annotations

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
from rlbench.kit.stacked_networks import MLP, value_and_grad
from rlbench.kit.state_dict import pack, unpack


@dataclass(frozen=True)
class DDPGConfig:
    """Hyperparameters, with Stable-Baselines3's names where it has them. Actions are normalised to −1 … 1."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of the actor and of the critic")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    critic_learning_rate: float | str | None = setting(None, "the critic's; none: learning_rate", gt=0, schedule=True)
    tau: float = setting(0.005, "weight of the online networks in each target update", gt=0, le=1)
    batch_size: int = setting(64, "transitions per update (Lillicrap 2016)", ge=1)
    buffer_size: int = setting(1_000_000, "transitions kept for replay (Lillicrap 2016)", ge=1)
    learning_starts: int = setting(1_000, "steps of uniformly random actions before the first update", ge=0)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: as many as steps of one seed since the last round", ge=-1)
    noise_type: Literal["none", "normal", "ornstein-uhlenbeck"] = setting("normal", "exploration noise")
    noise_std: float = setting(0.1, "scale of the exploration noise, in half ranges of the action", ge=0)
    noise_theta: float = setting(
        0.15, "Ornstein-Uhlenbeck's pull towards 0 per unit of time (Lillicrap 2016)", ge=0, le=1
    )
    noise_dt: float = setting(1.0, "Ornstein-Uhlenbeck's time between two steps", gt=0, le=1)

    def __post_init__(self) -> None:
        if self.gradient_steps == 0:
            raise ValueError("gradient_steps must be -1 or at least 1")
        if self.buffer_size < self.batch_size:
            raise ValueError(f"buffer_size {self.buffer_size} is smaller than batch_size {self.batch_size}")


class DDPG(Algorithm):
    """A deterministic actor maximises a critic that is fitted to one-step targets from delayed copies of both."""

    Config = DDPGConfig

    def __init__(self, config: DDPGConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, obs_size = config, int(np.prod(task.observation_space.shape or ()))
        if c.learning_starts >= task.steps:
            raise ValueError(f"learning_starts {c.learning_starts} leaves none of the {task.steps} steps for learning")
        self.num_seeds, self.bounds = len(streams.seeds), ActionBounds(task.action_space)
        self.dim = self.bounds.size
        self.actor_net = MLP((obs_size, *c.net_arch, self.dim), c.activation_fn)
        self.critic_net = MLP((obs_size + self.dim, *c.net_arch, 1), c.activation_fn)
        self.actor = self.actor_net.init(streams, "init", device=device.name)  # [S, P]
        self.critic = self.critic_net.init(streams, "init", device=device.name)
        self.target_actor, self.target_critic = self.actor.clone(), self.critic.clone()
        self.rates = [parse_schedule(x) for x in (c.learning_rate, c.critic_learning_rate or c.learning_rate)]
        self.actor_optimizer = Adam([self.actor], self.rates[0][0])
        self.critic_optimizer = Adam([self.critic], self.rates[1][0])
        fields = {"obs": Field((obs_size,)), "action": Field((self.dim,)), "next_obs": Field((obs_size,))}
        fields |= {"reward": Field(), "discount": Field()}
        self.replay = Replay(self.num_seeds, min(c.buffer_size, task.steps), device.name, **fields)
        lanes = (self.num_seeds, c.n_envs, self.dim)
        self.noise = ActionNoise(c.noise_type, lanes, c.noise_std, c.noise_theta, c.noise_dt)
        self.train_round = Every(c.train_freq)
        block = seeds_at_a_time(self.num_seeds, c.batch_size, c.net_arch, device)
        compile_methods(device, self.critic_gradient, self.actor_gradient, seeds_at_a_time=block)

    # -- functions of tensors; B transitions of each seed, actions in −1 … 1 -------------------------------------
    @watched
    def policy_of(self, actor: Tensor, obs: Tensor) -> Tensor:
        return torch.tanh(self.actor_net(actor, obs.flatten(2)))  # [S, B, A]

    def value(self, critic: Tensor, obs: Tensor, action: Tensor) -> Tensor:
        return self.critic_net(critic, torch.cat([obs, action], -1)).squeeze(-1)  # [S, B]

    def td_target(self, actor: Tensor, critic: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Return r + γ(1 − terminated) Q'(s', π'(s')) of the target networks [S, B].

        The discount is 0 only after termination.
        """
        next_value = self.value(critic, batch["next_obs"], self.policy_of(actor, batch["next_obs"]))
        return batch["reward"] + batch["discount"] * next_value

    def critic_loss(self, critic: Tensor, obs: Tensor, action: Tensor, target: Tensor) -> Tensor:
        error = self.value(critic, obs, action) - target
        return (error * error).mean(-1)  # [S]

    def actor_loss(self, actor: Tensor, critic: Tensor, obs: Tensor) -> Tensor:
        return -self.value(critic, obs, self.policy_of(actor, obs)).mean(-1)  # [S]; only the actor is differentiated

    def critic_gradient(self, params: list[Tensor], batch: dict[str, Tensor]) -> list[Tensor]:
        _, critic, target_actor, target_critic = params
        target = self.td_target(target_actor, target_critic, batch)
        return value_and_grad(self.critic_loss, [critic], batch["obs"], batch["action"], target)[1]

    def actor_gradient(self, actor: Tensor, critic: Tensor, obs: Tensor) -> list[Tensor]:
        return value_and_grad(self.actor_loss, [actor], critic, obs)[1]

    def update(self, params: list[Tensor], batch: dict[str, Tensor], active: Tensor) -> None:
        actor, critic, target_actor, target_critic = params
        self.critic_optimizer.apply([critic], self.critic_gradient(params, batch), active)
        self.actor_optimizer.apply([actor], self.actor_gradient(actor, critic, batch["obs"]), active)
        polyak(target_actor, actor, self.config.tau, active)
        polyak(target_critic, critic, self.config.tau, active)

    # -- the loop ------------------------------------------------------------------------------------------------
    def act(self, obs: Any) -> Any:
        return self.bounds.to_env(self.policy_of(self.actor, tensor(obs, self.device.name)).cpu().numpy())

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
        """Return normalised actions [S, N, A]: the actor's plus noise, or uniformly random ones during the warm-up."""
        n = interaction.num_envs
        if interaction.steps < self.config.learning_starts:
            return (2 * self.streams.uniform("explore", n, self.dim) - 1).astype(np.float32)
        noise = self.noise.next(self.streams.normal("noise", n, self.dim), interaction.active)
        return np.clip(
            self.policy_of(self.actor, tensor(interaction.obs, self.device.name)).cpu().numpy() + noise, -1, 1
        )

    def learn(self, interaction: Interaction) -> None:
        """Learn from minibatches drawn from replay."""
        c, active = self.config, tensor(interaction.active, self.device.name)
        for optimizer, (lr, shape) in zip((self.actor_optimizer, self.critic_optimizer), self.rates):
            optimizer.set_lr(decay(1.0, 0.0, interaction.budget.steps, interaction.steps, shape) * lr)
        for _ in range(c.train_freq * c.n_envs if c.gradient_steps < 0 else c.gradient_steps):
            index = self.streams.integers("replay", self.replay.size, c.batch_size)
            batch = self.replay.sample(tensor(index, self.device.name))
            self.update([self.actor, self.critic, self.target_actor, self.target_critic], batch, active)

    # -- checkpoints ---------------------------------------------------------------------------------------------
    def parts(self) -> dict[str, Any]:
        networks = {"actor": self.actor, "critic": self.critic}
        targets = {"target_actor": self.target_actor, "target_critic": self.target_critic}
        optimizers = {"actor_optimizer": self.actor_optimizer, "critic_optimizer": self.critic_optimizer}
        loop = {"replay": self.replay, "noise": self.noise, "train_round": self.train_round}
        return {**networks, **targets, **optimizers, **loop}

    def state(self) -> dict[str, Any]:
        return pack(self.parts(), self.num_seeds)

    def load_state(self, state: Any) -> None:
        unpack(self.parts(), state)

    def final_state(self) -> dict[str, Any]:
        return pack({"actor": self.actor}, self.num_seeds)

    def load_final_state(self, state: Any) -> None:
        unpack({"actor": self.actor}, state)
