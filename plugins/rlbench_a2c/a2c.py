"""Advantage actor-critic for discrete and continuous actions, S seeds at once: A3C's update without its threads.

Source: Mnih et al. 2016, "Asynchronous Methods for Deep Reinforcement Learning", arXiv:1602.01783; λ-returns:
Schulman et al. 2016, arXiv:1506.02438.
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
    ImagesAndNumbers,
    Loss,
    ObsNormalizer,
    RewardNormalizer,
    RMSprop,
    Rollout,
    Schedule,
    TorchAlgorithm,
    compile_methods,
    explained_variance,
    gae,
    gradient_of,
    network,
    policy_for,
    rollout_values,
    standardize,
)


@dataclass(frozen=True)
class A2CConfig:
    """Hyperparameters, with Stable-Baselines3's names. Steps after the last whole rollout are not used."""

    n_envs: int = setting(8, "environments of each seed", ge=1)
    n_steps: int = setting(5, "steps of each environment per rollout and update", ge=1, rollout=True)
    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers of the policy and of the value network")
    activation_fn: Literal["tanh", "relu"] = setting("tanh", "activation function of the hidden layers")
    shared: bool = setting(False, "policy and value share the hidden layers")
    log_std_init: float = setting(0.0, "initial log standard deviation of continuous actions")
    learning_rate: float | str = setting(
        7e-4, "the optimiser's learning rate (Mnih 2016: 10^-4 to 10^-2); lin_7e-4: falls to 0", gt=0, schedule=True
    )
    use_rms_prop: bool = setting(True, "RMSProp, as in the paper, instead of Adam")
    rms_prop_eps: float = setting(1e-5, "RMSProp's epsilon", gt=0)
    rms_prop_alpha: float = setting(0.99, "decay of RMSProp's running squares", ge=0, lt=1)
    rms_prop_tf_like: bool = setting(False, "RMSProp in TensorFlow's form: epsilon under the root, squares start at 1")
    adam_eps: float = setting(1e-5, "Adam's epsilon", gt=0)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(1.0, "GAE's lambda; 1: the n-step returns of the paper", ge=0, le=1)
    vf_coef: float = setting(0.5, "weight of the value loss, which is the mean squared error", ge=0)
    ent_coef: float = setting(0.0, "weight of the entropy bonus", ge=0)
    max_grad_norm: float = setting(0.5, "maximum norm of the gradient", gt=0)
    normalize_advantage: bool = setting(False, "scale advantages to mean 0 and deviation 1 in each rollout")
    normalize_obs: bool = setting(False, "normalise observations by their running mean and variance")
    normalize_reward: bool = setting(False, "divide rewards by the running deviation of the discounted return")
    clip_reward: float | None = setting(None, "clip rewards to ± this in updates; none: do not clip", gt=0, added=True)


class A2C(TorchAlgorithm):
    """One policy gradient step on each short rollout, with advantages from a value network."""

    Config = A2CConfig
    per_seed = ("learning_rate", "gamma", "gae_lambda", "vf_coef", "ent_coef", "max_grad_norm")
    policy_parts = ("actor", "critic", "obs_norm", "reward_norm")

    def __init__(self, config: A2CConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, s = config, self.num_seeds
        self.dist = policy_for(task.action_space)
        observed = ImagesAndNumbers.of(task.observation_space) or self.obs_size
        self.actor = Actor(self.dist, observed, c.net_arch, c.activation_fn)
        inputs, hidden = (self.actor.width, ()) if c.shared else (observed, c.net_arch)
        self.critic = network(inputs, (*hidden, 1), c.activation_fn, "orthogonal", [*[2**0.5] * len(hidden), 1.0])
        self.params = [
            self.actor.init(streams, "init", c.log_std_init, device.name),
            self.critic.init(streams, "init", device=device.name),
        ]
        self.learning_rate = Schedule.parse(c.learning_rate, task.steps)
        lr = self.learning_rate.start
        self.optimizer: Adam | RMSprop = (
            RMSprop(self.params, lr, c.rms_prop_eps, c.rms_prop_alpha, c.rms_prop_tf_like)
            if c.use_rms_prop
            else Adam(self.params, lr, c.adam_eps)
        )
        self.obs_norm = ObsNormalizer(s, self.obs_field, c.normalize_obs)
        self.reward_norm = RewardNormalizer(s, c.n_envs, c.gamma, c.normalize_reward, c.clip_reward)
        state, flag = self.obs_field, Field(dtype=torch.bool)
        fields = {"obs": state, "next_obs": state, "action": self.dist.field, "reward": Field()}
        kept = {"value": Field()} if c.shared else {}
        self.rollout = Rollout(s, c.n_steps, c.n_envs, device.name, **fields, **kept, terminated=flag, cut=flag)
        compile_methods(device, self.sample, self.value)
        self.gradient = gradient_of(self.loss, device, c.max_grad_norm)

    # -- functions of tensors; B = T · N steps of each seed ------------------------------------------------------
    def sample(self, actor: Tensor, critic: Tensor, obs: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Return sampled actions [S, N, *action] and, if layers are shared, values [S, N]."""
        if not self.config.shared:
            return {"action": self.dist.sample(*self.actor(actor, obs), noise)}
        features = self.actor.features(actor, obs)
        action = self.dist.sample(*self.actor.head(actor, features, obs), noise)
        return {"action": action, "value": self.critic(critic, features).squeeze(-1)}

    def greedy(self, actor: Tensor, obs: Tensor) -> Tensor:
        return self.dist.mode(*self.actor(actor, obs))

    def value(self, actor: Tensor, critic: Tensor, obs: Tensor) -> Tensor:
        flat = obs.flatten(1, 2)
        features = self.actor.features(actor, flat) if self.config.shared else flat
        return self.critic(critic, features).view(obs.shape[:3])  # [S, T, N]

    def loss(
        self, actor: Tensor, critic: Tensor, obs: Tensor, action: Tensor, advantage: Tensor, returns: Tensor
    ) -> Loss:
        c, features = self.config, self.actor.features(actor, obs)
        policy = self.actor.head(actor, features, obs)
        policy_loss = -(advantage * self.dist.log_prob(*policy, action)).mean(-1)  # [S]
        value = self.critic(critic, features if c.shared else obs).squeeze(-1)  # [S, B]
        value_loss = F.mse_loss(value, returns, reduction="none").mean(-1)
        entropy = self.dist.entropy(*policy).mean(-1)
        loss = policy_loss + self.factor("vf_coef") * value_loss - self.factor("ent_coef") * entropy
        found = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
        return loss, lambda: {**found, "explained_variance": explained_variance(returns - value, returns)}

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
        """Take one gradient step on the rollout."""
        c, r = self.config, self.rollout.tensors()
        value, next_value = rollout_values(self.value, self.params, r)
        discount = self.factor("gamma", 3) * ~r["terminated"]
        advantage = gae(r["reward"], discount, value, next_value, r["cut"], self.factor("gae_lambda", 3))  # [S, T, N]
        steps = r["obs"], r["action"], advantage, advantage + value
        obs, action, advantage, returns = (x.flatten(1, 2) for x in steps)  # [S, B, …]
        if c.normalize_advantage:
            advantage = standardize(advantage)
        self.optimizer.set_lr(self.learning_rate(interaction.steps))
        grads, found = self.gradient(self.params, obs, action, advantage, returns)
        self.optimizer.apply(self.params, grads, self.active(interaction))
        interaction.log_mean(found)

    def parts(self) -> dict[str, Any]:  # the rollout is empty whenever a checkpoint is written
        policy = {"actor": self.params[0], "critic": self.params[1], "obs_norm": self.obs_norm}
        return {**policy, "reward_norm": self.reward_norm, "optimizer": self.optimizer}
