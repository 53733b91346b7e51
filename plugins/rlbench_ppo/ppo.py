"""Proximal policy optimisation for discrete actions, S seeds at once.

Sources: Schulman et al. 2017, arXiv:1707.06347; details: Huang et al. 2022, "The 37 Implementation Details of PPO".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from gymnasium.spaces import Discrete
from torch import Tensor

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    MLP,
    Adam,
    Field,
    Rollout,
    TorchInteraction,
    clip,
    compiled,
    decay,
    gae,
    pack,
    tensor,
    unpack,
    value_and_grad,
)


@dataclass(frozen=True)
class PPOConfig:
    """Hyperparameters. A rollout has num_envs · horizon steps; what is left of the budget after the last is not learned from."""

    num_envs: int = setting(8, "environments of each seed", ge=1)
    horizon: int = setting(256, "steps of each environment in a rollout", ge=2)
    epochs: int = setting(10, "passes over a rollout", ge=1)
    batch: int = setting(64, "steps of a minibatch; divides num_envs · horizon", ge=2)
    hidden: tuple[int, ...] = setting((64, 64), "units of the hidden layers, of the policy and of the value network")
    activation: Literal["tanh", "relu"] = setting("tanh", "of the hidden layers")
    lr: float = setting(3e-4, "Adam's learning rate", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("linear", "linear: to 0 at the end of the budget (detail 4)")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    lam: float = setting(0.95, "GAE's lambda", ge=0, le=1)
    clip: float = setting(0.2, "largest change of a probability ratio", gt=0)
    clip_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    value_weight: float = setting(0.5, "weight of the value loss", ge=0)
    entropy_weight: float = setting(0.0, "weight of the entropy bonus", ge=0)
    max_grad_norm: float = setting(0.5, "largest norm of the gradient", gt=0)
    adam_eps: float = setting(1e-5, "Adam's epsilon (detail 3)", gt=0)

    def __post_init__(self) -> None:
        if self.num_envs * self.horizon % self.batch:
            raise ValueError(f"batch {self.batch} does not divide num_envs · horizon = {self.num_envs * self.horizon}")


class PPO(Algorithm):
    """Clipped policy gradient on minibatches of whole rollouts, with separate policy and value networks."""

    Config = PPOConfig

    def __init__(self, config: PPOConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, obs_size = config, int(np.prod(task.observation_space.shape or ()))
        self.num_seeds, layers, gain = len(streams.seeds), len(config.hidden), 2**0.5
        assert isinstance(task.action_space, Discrete)  # what the spec says it supports
        num_actions = int(task.action_space.n)
        self.actor = MLP(
            (obs_size, *c.hidden, num_actions), c.activation, "orthogonal", [*[gain] * layers, 0.01]
        )  # detail 2
        self.critic = MLP((obs_size, *c.hidden, 1), c.activation, "orthogonal", [*[gain] * layers, 1.0])
        self.params = [
            self.actor.init(streams, "init", device=device.name),
            self.critic.init(streams, "init", device=device.name),
        ]
        self.optimizer = Adam(self.params, c.lr, c.adam_eps)
        flag, number = Field(dtype=torch.bool), Field()
        fields = {
            "obs": Field((obs_size,)),
            "next_obs": Field((obs_size,)),
            "action": Field(dtype=torch.int64),
            "log_prob": number,
        }
        self.rollout = Rollout(
            self.num_seeds, c.horizon, c.num_envs, device.name, **fields, reward=number, terminated=flag, cut=flag
        )
        self.clip = torch.tensor(c.clip, device=device.name)
        self.sample, self.greedy = compiled(self.sample, device), compiled(self.greedy, device)  # type: ignore[method-assign]
        self.value, self.update = compiled(self.value, device), compiled(self.update, device)  # type: ignore[method-assign]

    # -- functions of tensors; B steps of each seed --------------------------------------------------------------
    def log_probs(self, actor: Tensor, obs: Tensor) -> Tensor:
        return self.actor(actor, obs).log_softmax(-1)  # [S, B, A]

    def sample(self, actor: Tensor, obs: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Actions and their log-probabilities, both [S, N], by inverting the distribution function."""
        log_probs = self.log_probs(actor, obs.flatten(2))
        action = (uniform.unsqueeze(-1) > log_probs.exp().cumsum(-1)[..., :-1]).sum(-1)
        return action, log_probs.gather(-1, action.unsqueeze(-1)).squeeze(-1)

    def greedy(self, actor: Tensor, obs: Tensor) -> Tensor:
        return self.actor(actor, obs.flatten(2)).argmax(-1)

    def value(self, critic: Tensor, obs: Tensor) -> Tensor:
        return self.critic(critic, obs.flatten(1, 2)).view(obs.shape[:3])  # [S, T, N]

    def loss(
        self, actor: Tensor, critic: Tensor, obs: Tensor, action: Tensor, old: Tensor, advantage: Tensor, target: Tensor
    ) -> Tensor:
        c, log_probs, value = self.config, self.log_probs(actor, obs), self.critic(critic, obs).squeeze(-1)
        ratio = (log_probs.gather(-1, action.unsqueeze(-1)).squeeze(-1) - old).exp()  # [S, B]
        centred = advantage - advantage.mean(-1, keepdim=True)  # normalised per seed and minibatch: detail 7
        advantage = centred / ((centred * centred).mean(-1, keepdim=True).sqrt() + 1e-8)
        clipped = torch.minimum(torch.maximum(ratio, 1 - self.clip), 1 + self.clip)
        policy_loss = -torch.minimum(ratio * advantage, clipped * advantage).mean(-1)  # [S]
        value_loss = 0.5 * ((value - target) * (value - target)).mean(-1)  # [S]
        entropy = -(log_probs.exp() * log_probs).sum(-1).mean(-1)  # [S]
        return policy_loss + c.value_weight * value_loss - c.entropy_weight * entropy

    def update(self, params: list[Tensor], active: Tensor, *minibatch: Tensor) -> Tensor:
        loss, grads = value_and_grad(self.loss, params, *minibatch)
        self.optimizer.apply(params, clip(grads, self.config.max_grad_norm), active)
        return loss

    # -- the loop ------------------------------------------------------------------------------------------------
    def act(self, obs: Any) -> Any:
        return self.greedy(self.params[0], tensor(obs, self.device.name)).cpu().numpy()

    def train(self, interaction: Interaction) -> None:
        env = TorchInteraction(interaction, self.device.name)
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint(self)
            self.collect(interaction, env)
            if self.rollout.full:
                self.learn(interaction, env)

    def collect(self, interaction: Interaction, env: TorchInteraction) -> None:
        """Fill the rollout, or what the budget leaves of it."""
        self.rollout.clear()
        while not (self.rollout.full or interaction.finished):
            uniform = self.streams.uniform("act", interaction.num_envs).astype(np.float32)
            action, log_prob = self.sample(self.params[0], env.obs, tensor(uniform, self.device.name))
            t = env.step(action)
            obs, next_obs = (x.reshape(*t.reward.shape, -1) for x in (t.obs, t.next_obs))
            cut = t.terminated | t.truncated
            self.rollout.add(
                obs=obs,
                next_obs=next_obs,
                action=t.action,
                log_prob=log_prob.cpu(),
                reward=t.reward,
                terminated=t.terminated,
                cut=cut,
            )

    def learn(self, interaction: Interaction, env: TorchInteraction) -> None:
        c, r, budget = self.config, self.rollout.tensors(), interaction.budget.steps
        self.optimizer.set_lr(decay(c.lr, 0.0, budget, interaction.steps, c.lr_schedule))
        self.clip.fill_(decay(c.clip, 0.0, budget, interaction.steps, c.clip_schedule))
        value, next_value = self.value(self.params[1], r["obs"]), self.value(self.params[1], r["next_obs"])
        advantage = gae(r["reward"], c.gamma * ~r["terminated"], value, next_value, r["cut"], c.lam)  # [S, T, N]
        columns = [
            x.flatten(1, 2) for x in (r["obs"], r["action"], r["log_prob"], advantage, advantage + value)
        ]  # [S, T·N, …]
        rows, size = torch.arange(self.num_seeds, device=self.device.name).unsqueeze(1), columns[0].shape[1]
        for _ in range(c.epochs):
            order = tensor(self.streams.permutations("order", size), self.device.name)
            for index in order.split(c.batch, 1):
                self.update(self.params, env.active, *(x[rows, index] for x in columns))

    # -- what is kept (a rollout is empty at the safe point) ------------------------------------------------------
    def parts(self) -> dict[str, Any]:
        return {"actor": self.params[0], "critic": self.params[1], "optimizer": self.optimizer}

    def state(self) -> dict[str, Any]:
        return pack(self.parts(), self.num_seeds)

    def load_state(self, state: Any) -> None:
        unpack(self.parts(), state)

    def final_state(self) -> dict[str, Any]:
        return pack({"actor": self.params[0], "critic": self.params[1]}, self.num_seeds)

    def load_final_state(self, state: Any) -> None:
        unpack({"actor": self.params[0], "critic": self.params[1]}, state)
