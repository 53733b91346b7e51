"""REINFORCE: the Monte Carlo policy gradient with an optional baseline, S seeds at once.

Source: Williams 1992, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning";
baseline and return-to-go as in Sutton & Barto 2018, section 13.4, without its factor γᵗ.
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
    Actor,
    Adam,
    Loss,
    ObsNormalizer,
    RewardNormalizer,
    Schedule,
    TorchAlgorithm,
    compile_methods,
    gae,
    gradient_of,
    masked_mean,
    policy_for,
    standardize,
)


@dataclass(frozen=True)
class ReinforceConfig:
    """Hyperparameters, with Stable-Baselines3's names. Episodes that the budget cuts off are not used."""

    n_envs: int = setting(8, "environments of each seed", ge=1)
    n_steps: int = setting(32, "steps of each environment between checks for ended episodes", ge=1)
    episodes: int = setting(8, "minimum new episodes per update; fewer are used only if memory would lose steps", ge=1)
    memory: int = setting(1024, "newest steps kept of each environment; older steps of an open episode are lost", ge=1)
    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers of the policy and of the value network")
    activation_fn: Literal["tanh", "relu"] = setting("tanh", "activation function of the hidden layers")
    log_std_init: float = setting(0.0, "initial log standard deviation of continuous actions")
    learning_rate: float | str = setting(1e-3, "Adam's rate for the policy; lin_1e-3: falls to 0", gt=0, schedule=True)
    value_learning_rate: float | str = setting(1e-3, "Adam's rate for the baseline", gt=0, schedule=True)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    baseline: bool = setting(True, "subtract a value network's estimate; truncated episodes then bootstrap from it")
    value_steps: int = setting(5, "gradient steps of the baseline per step of the policy", ge=1)
    normalize_return: bool = setting(True, "scale returns minus baseline to mean 0 and deviation 1 in each batch")
    ent_coef: float = setting(0.0, "weight of the entropy bonus", ge=0)
    max_grad_norm: float = setting(0.5, "maximum norm of each network's gradient", gt=0)
    adam_eps: float = setting(1e-8, "Adam's epsilon", gt=0)
    normalize_obs: bool = setting(False, "normalise observations by their running mean and variance")
    normalize_reward: bool = setting(False, "divide rewards by the running deviation of the discounted return")

    def __post_init__(self) -> None:
        if self.memory < self.n_steps:
            raise ValueError(f"memory {self.memory} is smaller than n_steps {self.n_steps}")


class Reinforce(TorchAlgorithm):
    """Policy gradient steps on batches of whole episodes, weighted by the return that followed each action."""

    Config = ReinforceConfig
    per_seed = ("learning_rate", "value_learning_rate", "max_grad_norm")
    policy_parts = ("actor", "critic", "obs_norm", "reward_norm")

    def __init__(self, config: ReinforceConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, s, obs_size = config, self.num_seeds, self.obs_size
        self.dist = policy_for(task.action_space)
        self.actor = Actor(self.dist, obs_size, c.net_arch, c.activation_fn)
        self.critic = MLP((obs_size, *c.net_arch, 1), c.activation_fn, "orthogonal", [*[2**0.5] * len(c.net_arch), 1.0])
        actor = self.actor.init(streams, "init", c.log_std_init, device.name)
        self.params = [actor, self.critic.init(streams, "init", device=device.name)]
        rates = c.learning_rate, c.value_learning_rate
        self.policy_lr, self.value_lr = (Schedule.parse(rate, task.steps) for rate in rates)
        self.optimizer = Adam(self.params[:1], self.policy_lr.start, c.adam_eps)
        self.value_optimizer = Adam(self.params[1:], self.value_lr.start, c.adam_eps)
        self.obs_norm = ObsNormalizer(s, obs_size, c.normalize_obs)
        self.reward_norm = RewardNormalizer(s, c.n_envs, c.gamma, c.normalize_reward)
        kinds: dict[str, tuple[tuple[int, ...], Any]] = {
            "obs": ((obs_size,), np.float32),
            "next_obs": ((obs_size,), np.float32),
            "action": (self.dist.field.shape, np.int64 if self.dist.field.dtype == torch.int64 else np.float32),
            "reward": ((), np.float32),
            **dict.fromkeys(("terminated", "cut", "fresh"), ((), bool)),  # fresh: not learned from yet
        }
        self.window = {k: np.zeros((s, c.memory, c.n_envs, *shape), dtype) for k, (shape, dtype) in kinds.items()}
        compile_methods(device, self.sample, self.value)
        self.policy_gradient = gradient_of(self.policy_loss, device, c.max_grad_norm, name="policy")
        self.value_gradient = gradient_of(self.value_loss, device, c.max_grad_norm, name="value")

    # -- functions of tensors; B = T · N steps of each seed; only steps in `mask` count --------------------------
    def sample(self, actor: Tensor, obs: Tensor, noise: Tensor) -> Tensor:
        return self.dist.sample(*self.actor(actor, obs), noise)

    def greedy(self, actor: Tensor, obs: Tensor) -> Tensor:
        return self.dist.mode(*self.actor(actor, obs))

    def value(self, critic: Tensor, obs: Tensor) -> Tensor:
        return self.critic(critic, obs.flatten(1, 2)).view(obs.shape[:3])  # [S, T, N]

    def advantage(self, critic: Tensor, obs: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
        """Return the weights of the log-probabilities: returns minus baseline [S, B]."""
        advantage = returns - self.critic(critic, obs).squeeze(-1) if self.config.baseline else returns
        return standardize(advantage, mask) if self.config.normalize_return else advantage

    def policy_loss(
        self, actor: Tensor, critic: Tensor, mask: Tensor, obs: Tensor, action: Tensor, returns: Tensor
    ) -> Loss:
        policy, advantage = self.actor(actor, obs), self.advantage(critic, obs, returns, mask)
        log_prob, entropy = self.dist.log_prob(*policy, action), self.dist.entropy(*policy)
        loss = -masked_mean(advantage * log_prob + self.config.ent_coef * entropy, mask)  # [S]
        return loss, lambda: {"policy_loss": loss, "entropy": masked_mean(entropy, mask)}

    def value_loss(self, critic: Tensor, mask: Tensor, obs: Tensor, returns: Tensor) -> Loss:
        value = self.critic(critic, obs).squeeze(-1)  # [S, B]; the returns are not normalised
        loss = 0.5 * masked_mean(F.mse_loss(value, returns, reduction="none"), mask)  # [S]
        return loss, lambda: {"value_loss": loss}

    # -- the loop ------------------------------------------------------------------------------------------------
    def choose(self, obs: Any, stream: str) -> Tensor:
        """Return sampled actions; obs [S, N, size] are normalised."""
        noise = self.dist.noise(self.streams, stream, obs.shape[1])
        return self.sample(self.params[0], self.tensor(obs), self.tensor(noise))

    def act(self, obs: Any) -> Any:
        return self.dist.to_env(self.greedy(self.params[0], self.tensor(self.obs_norm(obs))))

    def policy(self, mode: str = "greedy") -> Any:
        if mode == "sampled":
            return lambda obs, start: self.dist.to_env(self.choose(self.obs_norm(obs), "evaluate"))
        return super().policy(mode)

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            self.collect(interaction)
            self.learn(interaction)

    def collect(self, interaction: Interaction) -> None:
        """Shift the window by n_steps and fill its end, or as much of it as the budget allows."""
        n = self.config.n_steps
        for x in self.window.values():
            x[:, :-n], x[:, -n:] = x[:, n:].copy(), 0
        for i in range(-n, 0):
            if interaction.finished:
                break
            self.obs_norm.update(interaction.obs, interaction.active)
            obs = self.obs_norm(interaction.obs)
            t = interaction.step(self.dist.to_env(action := self.choose(obs, "act").cpu()))
            cut, next_obs = t.terminated | t.truncated, self.obs_norm(t.next_obs)
            reward = self.reward_norm(t.reward, cut, interaction.active)
            step = {"obs": obs, "next_obs": next_obs, "action": action.numpy(), "reward": reward}
            for name, values in {**step, "terminated": t.terminated, "cut": cut, "fresh": True}.items():
                self.window[name][:, i] = values

    def learn(self, interaction: Interaction) -> None:
        """Update the seeds with enough ended episodes. Each step is used once, after its episode has ended."""
        c, w, (actor, critic) = self.config, self.window, self.params
        ended = w["fresh"] & np.logical_or.accumulate(w["cut"][:, ::-1], 1)[:, ::-1]  # [S, T, N]
        ready = ((ended & w["cut"]).sum((1, 2)) >= c.episodes) | ended[:, : c.n_steps].any((1, 2))  # [S]
        if not ready.any():
            return
        used = ended & ready[:, None, None]
        t = {name: self.tensor(x) for name, x in w.items()}
        zero = torch.zeros_like(t["reward"])
        bootstrap = self.value(critic, t["next_obs"]) * t["cut"] if c.baseline else zero  # used where truncated
        returns = gae(t["reward"], c.gamma * ~t["terminated"], zero, bootstrap, t["cut"], 1.0).flatten(1)  # [S, B]
        obs, action = t["obs"].flatten(1, 2), t["action"].flatten(1, 2)
        mask, active = self.tensor(used).flatten(1).float(), self.tensor(ready) & self.active(interaction)
        self.optimizer.set_lr(self.policy_lr(interaction.steps))
        grads, found = self.policy_gradient([actor], critic, mask, obs, action, returns)
        self.optimizer.apply([actor], grads, active)
        interaction.log_mean(where=active, **found())
        self.value_optimizer.set_lr(self.value_lr(interaction.steps))
        for _ in range(c.value_steps if c.baseline else 0):
            grads, found = self.value_gradient([critic], mask, obs, returns)
            self.value_optimizer.apply([critic], grads, active)
            interaction.log_mean(where=active, **found())
        w["fresh"] &= ~used

    def parts(self) -> dict[str, Any]:
        policy = {"actor": self.params[0], "critic": self.params[1], "obs_norm": self.obs_norm}
        optimizers = {"optimizer": self.optimizer, "value_optimizer": self.value_optimizer}
        window = {f"window.{name}": x for name, x in self.window.items()}
        return {**policy, "reward_norm": self.reward_norm, **optimizers, **window}
