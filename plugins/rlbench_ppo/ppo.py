"""Proximal policy optimisation for discrete and continuous actions, S seeds at once.

Sources: Schulman et al. 2017, arXiv:1707.06347; details: Huang et al. 2022, "The 37 Implementation Details of PPO".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    Actor,
    Adam,
    Field,
    Loss,
    ObsNormalizer,
    RewardNormalizer,
    Rollout,
    Schedule,
    TorchAlgorithm,
    clamp,
    compile_methods,
    explained_variance,
    gae,
    gradient_of,
    minibatches,
    network,
    policy_change,
    policy_for,
    rollout_values,
    standardize,
    tensor_of,
)


@dataclass(frozen=True)
class PPOConfig:
    """Hyperparameters, with Stable-Baselines3's names. Steps after the last whole rollout are not used."""

    n_envs: int = setting(8, "environments of each seed", ge=1)
    n_steps: int = setting(256, "steps of each environment per rollout", ge=2, rollout=True)
    n_epochs: int = setting(10, "passes over a rollout", ge=1)
    batch_size: int = setting(64, "steps per minibatch: a divisor of n_envs · n_steps, or more for all steps", ge=2)
    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers of the policy and of the value network")
    activation_fn: Literal["tanh", "relu"] = setting("tanh", "activation function of the hidden layers")
    shared: bool = setting(False, "policy and value share the hidden layers")
    log_std_init: float = setting(0.0, "initial log standard deviation of continuous actions")
    learning_rate: float | str = setting(3e-4, "Adam's step size; lin_3e-4: falls to 0 (detail 4)", gt=0, schedule=True)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(0.95, "GAE's lambda", ge=0, le=1)
    clip_range: float | str = setting(0.2, "maximum change of a ratio; lin_0.2: falls to 0", gt=0, schedule=True)
    clip_range_vf: float | str | None = setting(None, "clip_range of values (detail 9); none: off", gt=0, schedule=True)
    normalize_advantage: bool = setting(True, "scale advantages to mean 0 and deviation 1 in each minibatch (detail 7)")
    target_kl: float | None = setting(None, "updates stop when KL exceeds 1.5 times this; none: never", gt=0)
    vf_coef: float = setting(0.5, "weight of the value loss, which is the mean squared error", ge=0)
    ent_coef: float = setting(0.0, "weight of the entropy bonus", ge=0)
    max_grad_norm: float = setting(0.5, "maximum norm of the gradient", gt=0)
    adam_eps: float = setting(1e-5, "Adam's epsilon (detail 3)", gt=0)
    normalize_obs: bool = setting(False, "normalise observations by their running mean and variance")
    normalize_reward: bool = setting(False, "divide rewards by the running deviation of the discounted return")
    clip_reward: float | None = setting(None, "clip rewards to ± this in updates; none: do not clip", gt=0, added=True)

    def __post_init__(self) -> None:
        rollout = self.n_envs * self.n_steps
        if self.batch_size < rollout and rollout % self.batch_size:
            raise ValueError(f"batch_size {self.batch_size} does not divide n_envs · n_steps = {rollout}")


class PPO(TorchAlgorithm):
    """Clipped policy gradient on minibatches of whole rollouts."""

    Config = PPOConfig
    per_seed = ("learning_rate", "gamma", "gae_lambda", "clip_range", "vf_coef", "ent_coef", "max_grad_norm")
    policy_parts = ("actor", "critic", "obs_norm", "reward_norm")

    def __init__(self, config: PPOConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, s = config, self.num_seeds
        self.dist = policy_for(task.action_space, self.mask)
        self.actor = Actor(self.dist, self.inputs, c.net_arch, c.activation_fn, self.mask)
        inputs, hidden = (self.actor.width, ()) if c.shared else (self.inputs, c.net_arch)
        self.critic = network(inputs, (*hidden, 1), c.activation_fn, "orthogonal", [*[2**0.5] * len(hidden), 1.0])
        self.params = [self.actor.init(streams, "init", c.log_std_init, device.name)]
        self.params += [self.critic.init(streams, "init", device=device.name)]
        self.schedules = [Schedule.parse(x or 0, task.steps) for x in (c.learning_rate, c.clip_range, c.clip_range_vf)]
        # Tensors, because a compiled loss would keep the first value of a Python number.
        starts = (tensor_of(x.start, 2, device.name).expand(s, 1).clone() for x in self.schedules[1:])
        self.clip_range, self.clip_range_vf = starts
        self.optimizer = Adam(self.params, self.schedules[0].start, c.adam_eps)
        self.obs_norm = ObsNormalizer(s, self.obs_field, c.normalize_obs, self.mask.size)
        self.reward_norm = RewardNormalizer(s, c.n_envs, c.gamma, c.normalize_reward, c.clip_reward)
        state, flag, number = self.obs_field, Field(dtype=torch.bool), Field()
        fields = {"obs": state, "next_obs": state, "action": self.dist.field, "log_prob": number, "reward": number}
        kept = {"value": number} if c.shared else {}
        self.rollout = Rollout(s, c.n_steps, c.n_envs, device.name, **fields, **kept, terminated=flag, cut=flag)
        compile_methods(device, self.sample, self.value)
        self.gradient = gradient_of(self.loss, device, c.max_grad_norm)

    # -- functions of tensors; B steps of each seed --------------------------------------------------------------
    def sample(self, actor: Tensor, critic: Tensor, obs: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Return sampled actions [S, N, *action], their log-probabilities [S, N] and, if layers are shared, values."""
        features = self.actor.features(actor, obs) if self.config.shared else None
        out = self.actor(actor, obs) if features is None else self.actor.head(actor, features, obs)
        action = self.dist.sample(*out, noise)
        value = {} if features is None else {"value": self.critic(critic, features).squeeze(-1)}
        return {"action": action, "log_prob": self.dist.log_prob(*out, action), **value}

    def greedy(self, actor: Tensor, obs: Tensor) -> Tensor:
        return self.dist.mode(*self.actor(actor, obs))

    def value(self, actor: Tensor, critic: Tensor, obs: Tensor) -> Tensor:
        flat = obs.flatten(1, 2)
        features = self.actor.features(actor, flat) if self.config.shared else self.mask.state(flat)
        return self.critic(critic, features).view(obs.shape[:3])  # [S, T, N]

    def loss(self, actor: Tensor, critic: Tensor, obs: Tensor, action: Tensor, old_log_prob: Tensor,
             advantage: Tensor, returns: Tensor, old_value: Tensor) -> Loss:  # fmt: skip
        """Return the loss [S] and its metrics; old_log_prob, old_value [S, B]: of the acting policy."""
        c, features = self.config, self.actor.features(actor, obs)
        policy = self.actor.head(actor, features, obs)
        log_ratio = self.dist.log_prob(*policy, action) - old_log_prob  # [S, B]
        ratio = log_ratio.exp()
        if c.normalize_advantage:  # per seed and minibatch: detail 7
            advantage = standardize(advantage)
        clipped_ratio = clamp(ratio, 1 - self.clip_range, 1 + self.clip_range)
        policy_loss = -torch.minimum(ratio * advantage, clipped_ratio * advantage).mean(-1)  # [S]
        value = self.critic(critic, features if c.shared else self.mask.state(obs)).squeeze(-1)  # [S, B]
        if c.clip_range_vf is not None:
            value = old_value + clamp(value - old_value, -self.clip_range_vf, self.clip_range_vf)
        value_loss = F.mse_loss(value, returns, reduction="none").mean(-1)
        entropy = self.dist.entropy(*policy).mean(-1)
        loss = policy_loss + self.factor("vf_coef") * value_loss - self.factor("ent_coef") * entropy
        found = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
        return loss, lambda: {**found, **policy_change(ratio, log_ratio, self.clip_range)}

    # -- the loop ------------------------------------------------------------------------------------------------
    def choose(self, obs: Any, stream: str) -> dict[str, Tensor]:
        """Return the outputs of `sample` on the host; obs [S, N, size] are normalised."""
        noise = self.tensor(self.dist.noise(self.streams, stream, obs.shape[1]))
        chosen = self.sample(self.params[0], self.params[1], self.tensor(obs), noise)
        return {name: x.cpu() for name, x in chosen.items()}

    def act(self, obs: Any) -> Any:
        return self.dist.to_env(self.greedy(self.params[0], self.tensor(self.obs_norm(obs))))

    def policy(self, mode: str = "greedy") -> Any:
        if mode == "sampled":
            return lambda obs, start: self.dist.to_env(self.choose(self.obs_norm(obs), "evaluate")["action"])
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
            self.obs_norm.update(interaction.obs, interaction.active)
            obs = self.obs_norm(interaction.obs)
            chosen = self.choose(obs, "act")
            t = interaction.step(self.dist.to_env(chosen["action"]))
            cut, next_obs = t.terminated | t.truncated, self.obs_norm(t.next_obs)
            reward = self.reward_norm(t.reward, cut, interaction.active)
            self.rollout.add(obs=obs, next_obs=next_obs, reward=reward, terminated=t.terminated, cut=cut, **chosen)

    def learn(self, interaction: Interaction) -> None:
        """Make n_epochs passes over the rollout in minibatches."""
        c, r, active = self.config, self.rollout.tensors(), self.active(interaction)
        learning_rate, clip_range, clip_range_vf = (schedule(interaction.steps) for schedule in self.schedules)
        self.optimizer.set_lr(learning_rate)
        self.clip_range.copy_(tensor_of(clip_range, 2))
        self.clip_range_vf.copy_(tensor_of(clip_range_vf, 2))
        value, next_value = rollout_values(self.value, self.params, r)
        discount = self.factor("gamma", 3) * ~r["terminated"]
        advantage = gae(r["reward"], discount, value, next_value, r["cut"], self.factor("gae_lambda", 3))  # [S, T, N]
        returns, size = advantage + value, c.n_steps * c.n_envs
        steps = r["obs"], r["action"], r["log_prob"], advantage, returns, value
        interaction.log_mean(explained_variance=explained_variance(advantage, returns))
        for _ in range(c.n_epochs):
            order = self.tensor(self.streams.permutations("order", size))  # [S, T·N]
            for minibatch in minibatches(steps, order, min(c.batch_size, size)):
                grads, found = self.gradient(self.params, *minibatch)
                interaction.log_mean(found, where=active)
                if c.target_kl is not None:  # a seed that has moved too far rests until the next rollout
                    active = active & ~(found()["approx_kl"] > 1.5 * c.target_kl)
                self.optimizer.apply(self.params, grads, active)

    def parts(self) -> dict[str, Any]:  # the rollout is empty whenever a checkpoint is written
        policy = {"actor": self.params[0], "critic": self.params[1], "obs_norm": self.obs_norm}
        return {**policy, "reward_norm": self.reward_norm, "optimizer": self.optimizer}
