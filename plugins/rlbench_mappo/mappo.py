"""Multi-agent proximal policy optimisation, S seeds at once: policies of the agents, and one critic of the whole state.

Source: Yu et al. 2022, "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games", arXiv:2103.01955.
It differs from rlbench_ippo/ippo.py only in `__init__`, `central_value`, `value_rows`, `value` and `loss`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    MLP,
    Adam,
    AgentPolicies,
    Agents,
    Field,
    Loss,
    RewardNormalizer,
    Rollout,
    Schedule,
    TorchAlgorithm,
    compile_methods,
    explained_variance,
    gae,
    gradient_of,
    masked_mean,
    minibatches,
    policy_change,
    standardize,
)


@dataclass(frozen=True)
class MAPPOConfig:
    """Hyperparameters, with ppo's names. Joint steps after the last whole rollout are not used."""

    n_envs: int = setting(16, "environments of each seed", ge=1)
    n_steps: int = setting(64, "steps of each environment per rollout", ge=2, rollout=True)
    n_epochs: int = setting(4, "passes over a rollout", ge=1)
    batch_size: int = setting(256, "steps per minibatch: a divisor of n_envs · n_steps, or more for all steps", ge=2)
    share_parameters: bool = setting(True, "agents with equal spaces share their networks, which get the agent's id")
    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers of policies and of value networks")
    activation_fn: Literal["tanh", "relu"] = setting("tanh", "activation function of the hidden layers")
    log_std_init: float = setting(0.0, "initial log standard deviation of continuous actions")
    learning_rate: float | str = setting(5e-4, "Adam's step size; lin_5e-4: falls to 0", gt=0, schedule=True)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(0.95, "GAE's lambda", ge=0, le=1)
    clip_range: float | str = setting(0.2, "maximum change of a ratio; lin_0.2: falls to 0", gt=0, schedule=True)
    normalize_advantage: bool = setting(True, "scale advantages to mean 0 and deviation 1 in each minibatch")
    vf_coef: float = setting(0.5, "weight of the value loss, which is the mean squared error", ge=0)
    ent_coef: float = setting(0.01, "weight of the entropy bonus", ge=0)
    max_grad_norm: float = setting(0.5, "maximum norm of the gradient", gt=0)
    adam_eps: float = setting(1e-5, "Adam's epsilon", gt=0)
    normalize_reward: bool = setting(False, "divide rewards by the running deviation of the agents' discounted returns")

    def __post_init__(self) -> None:
        rollout = self.n_envs * self.n_steps
        if self.batch_size < rollout and rollout % self.batch_size:
            raise ValueError(f"batch_size {self.batch_size} does not divide n_envs · n_steps = {rollout}")


class MAPPO(TorchAlgorithm):
    """Clipped policy gradient of every agent, with advantages from a value network of the whole state."""

    Config = MAPPOConfig
    per_seed = ("learning_rate", "max_grad_norm")
    policy_parts = ("actor", "critic", "reward_norm")

    def __init__(self, config: MAPPOConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, s = config, self.num_seeds
        self.agents = Agents(task)
        self.layout, agents = self.agents.layout, self.agents.count
        self.policies = AgentPolicies(self.agents, c.share_parameters, c.net_arch, c.activation_fn)
        self.id_size = agents if agents > 1 else 0
        layers = (self.layout.central_size + self.id_size, *c.net_arch, 1)
        self.critic = MLP(layers, c.activation_fn, "orthogonal", [*[2**0.5] * len(c.net_arch), 1.0])
        self.params = [
            self.policies.init(streams, "init", c.log_std_init, device.name),
            self.critic.init(streams, "init", device=device.name),
        ]
        self.schedules = [Schedule.parse(number, task.steps) for number in (c.learning_rate, c.clip_range)]
        self.clip_range = torch.tensor(self.schedules[1].start, device=device.name)
        self.optimizer = Adam(self.params, self.schedules[0].start, c.adam_eps)
        self.reward_norm = RewardNormalizer(s, c.n_envs * agents, c.gamma, c.normalize_reward)
        vector, number, flag = Field((self.obs_size,)), Field((agents,)), Field((agents,), torch.bool)
        fields = {"obs": vector, "next_obs": vector, "action": self.policies.field, "log_prob": number}
        fields |= {"reward": number, "discount": number, "cut": flag}
        self.rollout = Rollout(s, c.n_steps, c.n_envs, device.name, **fields)
        compile_methods(device, self.policies.sample, self.value)
        self.gradient = gradient_of(self.loss, device, c.max_grad_norm)

    # -- functions of tensors; B steps of each seed, G agents ----------------------------------------------------
    def central_value(self, critic: Tensor, obs: Tensor) -> Tensor:
        """Return each agent's value [S, …, G] of obs [S, …, size], from the state and the agent's one-hot id."""
        rows = self.layout.state(obs).unsqueeze(-2).expand(*obs.shape[:-1], self.layout.count, -1)
        if self.id_size:  # a single agent needs none
            ids = torch.eye(self.id_size, device=obs.device).expand(*rows.shape[:-1], -1)
            rows = torch.cat([rows, ids], -1)
        return self.critic(critic, rows.flatten(1, -2)).view(rows.shape[:-1])

    def value(self, critic: Tensor, obs: Tensor) -> Tensor:
        """Return the values of obs [S, T, N, size] for each agent [S, T, N·G]."""
        return self.central_value(critic, obs).flatten(2)

    def loss(self, actor: Tensor, critic: Tensor, obs: Tensor, action: Tensor, old_log_prob: Tensor,
             advantage: Tensor, returns: Tensor) -> Loss:  # fmt: skip
        """Return the loss [S] and its metrics; old_log_prob, advantage, returns [S, B, G]."""
        c, rows = self.config, self.policies.rows
        alive = rows(self.layout.alive(obs))  # [S, B·G]: dead agents never count
        log_prob, entropy = self.policies.evaluate(actor, obs, action)
        log_ratio = (log_prob - rows(old_log_prob)) * alive
        ratio, advantage = log_ratio.exp(), rows(advantage)
        if c.normalize_advantage:
            advantage = standardize(advantage, alive)
        clipped_ratio = torch.minimum(torch.maximum(ratio, 1 - self.clip_range), 1 + self.clip_range)
        policy_loss = -masked_mean(torch.minimum(ratio * advantage, clipped_ratio * advantage), alive)  # [S]
        error = (self.central_value(critic, obs) - returns).flatten(1)
        value_loss = masked_mean(error.square(), self.layout.alive(obs).flatten(1))
        mean_entropy = masked_mean(entropy, alive)
        loss = policy_loss + c.vf_coef * value_loss - c.ent_coef * mean_entropy
        found = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": mean_entropy}
        return loss, lambda: {**found, **policy_change(ratio, log_ratio, self.clip_range, alive)}

    # -- the loop ------------------------------------------------------------------------------------------------
    def choose(self, obs: Any, stream: str) -> tuple[Tensor, Tensor]:
        """Return sampled actions and their log-probabilities; obs [S, N, size]."""
        noise = self.policies.noise(self.streams, stream, obs.shape[1])
        return self.policies.sample(self.params[0], self.tensor(obs), [self.tensor(x) for x in noise])

    def act(self, obs: Any) -> Any:
        return self.policies.to_env(self.policies.mode(self.params[0], self.tensor(obs)))

    def policy(self, mode: str = "greedy") -> Any:
        if mode == "sampled":
            return lambda obs, start: self.policies.to_env(self.choose(obs, "evaluate")[0])
        return super().policy(mode)

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            self.collect(interaction)
            if self.rollout.full:
                self.learn(interaction)

    def collect(self, interaction: Interaction) -> None:
        """Fill the rollout, or as much of it as the budget allows."""
        self.rollout.clear()
        while not (self.rollout.full or interaction.finished):
            obs = interaction.obs
            action, log_prob = (x.cpu() for x in self.choose(obs, "act"))
            t = interaction.step(self.policies.to_env(action))
            # An agent's steps are cut where the episode ends, and where it dies.
            cut = (t.terminated | t.truncated)[..., None] | (self.layout.alive(t.next_obs) == 0)
            lanes = self.num_seeds, -1
            reward = self.reward_norm(self.agents.rewards(t).reshape(lanes), cut.reshape(lanes), interaction.active)
            self.rollout.add(
                obs=obs, next_obs=t.next_obs, action=action, log_prob=log_prob, reward=reward.reshape(cut.shape),
                discount=self.agents.discounts(t, self.config.gamma), cut=cut,
            )  # fmt: skip

    def learn(self, interaction: Interaction) -> None:
        """Make n_epochs passes over the rollout in minibatches."""
        c, r, active = self.config, self.rollout.tensors(), self.active(interaction)
        learning_rate, clip_range = (schedule(interaction.steps) for schedule in self.schedules)
        self.optimizer.set_lr(learning_rate)
        self.clip_range.fill_(clip_range)
        critic = self.params[1]
        value, next_value = self.value(critic, r["obs"]), self.value(critic, r["next_obs"])
        reward, discount, cut = (r[name].flatten(2) for name in ("reward", "discount", "cut"))
        advantage = gae(reward, discount, value, next_value, cut, c.gae_lambda)  # [S, T, N·G]
        returns, size = advantage + value, c.n_steps * c.n_envs
        interaction.log_mean(explained_variance=explained_variance(advantage, returns, self.layout.alive(r["obs"])))
        steps = r["obs"], r["action"], r["log_prob"], advantage.view_as(r["cut"]), returns.view_as(r["cut"])
        for _ in range(c.n_epochs):
            order = self.tensor(self.streams.permutations("order", size))  # [S, T·N]
            for minibatch in minibatches(steps, order, min(c.batch_size, size)):
                grads, found = self.gradient(self.params, *minibatch)
                interaction.log_mean(found, where=active)
                self.optimizer.apply(self.params, grads, active)

    def parts(self) -> dict[str, Any]:  # the rollout is empty whenever a checkpoint is written
        policy = {"actor": self.params[0], "critic": self.params[1], "reward_norm": self.reward_norm}
        return {**policy, "optimizer": self.optimizer}
