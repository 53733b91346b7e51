"""Proximal policy optimisation with a memory, S seeds at once: actor and critic each read an LSTM.

Sources: Schulman et al. 2017, arXiv:1707.06347; Huang et al. 2022, "The 37 Implementation Details of PPO", details 2 to
5 of LSTMs. Compare rlbench_ppo/ppo.py: here minibatches are whole sequences, and observations are vectors only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    MLP,
    Actor,
    ActorCriticLSTM,
    Adam,
    Field,
    Loss,
    ObsNormalizer,
    RewardNormalizer,
    Rollout,
    Schedule,
    TorchAlgorithm,
    explained_variance,
    gae,
    gradient_of,
    policy_change,
    policy_for,
    sequence_minibatches,
    standardize,
)


@dataclass(frozen=True)
class RecurrentPPOConfig:
    """Hyperparameters, with sb3-contrib's names. Steps after the last whole rollout are not used."""

    n_envs: int = setting(8, "environments of each seed", ge=1)
    n_steps: int = setting(128, "steps of each environment per rollout, the most a gradient spans", ge=2, rollout=True)
    n_epochs: int = setting(10, "passes over a rollout", ge=1)
    batch_size: int = setting(256, "steps per minibatch: n_steps · a divisor of n_envs, or more for all", ge=2)
    lstm_hidden_size: int = setting(64, "units of each LSTM, the policy's and the value network's", ge=1)
    net_arch: tuple[int, ...] = setting((64,), "units of the hidden layers after each LSTM")
    activation_fn: Literal["tanh", "relu"] = setting("tanh", "activation function of the hidden layers")
    log_std_init: float = setting(0.0, "initial log standard deviation of continuous actions")
    learning_rate: float | str = setting(3e-4, "Adam's step size; lin_3e-4: falls to 0", gt=0, schedule=True)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(0.95, "GAE's lambda", ge=0, le=1)
    clip_range: float | str = setting(0.2, "maximum change of a ratio; lin_0.2: falls to 0", gt=0, schedule=True)
    clip_range_vf: float | str | None = setting(None, "clip_range of values; none: off", gt=0, schedule=True)
    normalize_advantage: bool = setting(True, "scale advantages to mean 0 and deviation 1 in each minibatch")
    target_kl: float | None = setting(None, "updates stop when KL exceeds 1.5 times this; none: never", gt=0)
    vf_coef: float = setting(0.5, "weight of the value loss, which is the mean squared error", ge=0)
    ent_coef: float = setting(0.0, "weight of the entropy bonus", ge=0)
    max_grad_norm: float = setting(0.5, "maximum norm of the gradient", gt=0)
    adam_eps: float = setting(1e-5, "Adam's epsilon", gt=0)
    normalize_obs: bool = setting(False, "normalise observations by their running mean and variance")
    normalize_reward: bool = setting(False, "divide rewards by the running deviation of the discounted return")
    clip_reward: float | None = setting(None, "clip rewards to ± this in updates; none: do not clip", gt=0)

    def __post_init__(self) -> None:
        n, t, size = self.n_envs, self.n_steps, self.batch_size
        if size < n * t and (size % t or n * t % size):
            raise ValueError(f"batch_size {size} cuts sequences: write n_steps = {t} times a divisor of n_envs = {n}")


class RecurrentPPO(TorchAlgorithm):
    """Clipped policy gradient on whole sequences; the gradient goes back to the start of the rollout or episode."""

    Config = RecurrentPPOConfig
    policy_parts = ("lstm", "actor", "obs_norm")

    def __init__(self, config: RecurrentPPOConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, replace(device, compile=False))  # a graph would contain every step
        c, s, units = config, self.num_seeds, config.lstm_hidden_size
        self.dist = policy_for(task.action_space, self.mask)
        self.cells = ActorCriticLSTM(self.state_size, units)
        self.actor = Actor(self.dist, units, c.net_arch, c.activation_fn, self.mask)
        self.critic = MLP((units, *c.net_arch, 1), c.activation_fn, "orthogonal", [*[2**0.5] * len(c.net_arch), 1.0])
        lstm, actor = self.cells.init(streams, "init", device.name), self.actor.init(streams, "init", c.log_std_init)
        self.params = [lstm, actor.to(device.name), self.critic.init(streams, "init", device=device.name)]
        self.memory = torch.zeros(s, c.n_envs, self.cells.memory_size, device=device.name)
        numbers = c.learning_rate, c.clip_range, c.clip_range_vf or 0.0
        self.schedules = [Schedule.parse(number, task.steps) for number in numbers]
        self.clip_range, self.clip_range_vf = (torch.tensor(x.start, device=device.name) for x in self.schedules[1:])
        self.optimizer = Adam(self.params, self.schedules[0].start, c.adam_eps)
        self.obs_norm = ObsNormalizer(s, self.obs_field, c.normalize_obs, self.mask.size)
        self.reward_norm = RewardNormalizer(s, c.n_envs, c.gamma, c.normalize_reward, c.clip_reward)
        state, flag, number = self.obs_field, Field(dtype=torch.bool), Field()
        fields = {"obs": state, "next_obs": state, "action": self.dist.field, "log_prob": number, "reward": number}
        self.rollout = Rollout(s, c.n_steps, c.n_envs, device.name, **fields, start=flag, terminated=flag, cut=flag)
        self.gradient = gradient_of(self.loss, self.device, c.max_grad_norm)

    # -- functions of tensors; T steps of N environments of each seed ---------------------------------------------
    def loss(self, lstm: Tensor, actor: Tensor, critic: Tensor, obs: Tensor, start: Tensor, memory: Tensor,
             action: Tensor, *numbers: Tensor) -> Loss:  # fmt: skip
        """Return the loss [S] and its metrics, of sequences [S, T, B, …] and the memory [S, 1, B, 2M] before them.

        numbers: log-probability and value of the acting policy, advantage and return.
        """
        c, features = self.config, self.cells.features(lstm, self.mask.state(obs), start, memory.squeeze(1))
        old_log_prob, old_value, advantage, returns = (x.flatten(1) for x in numbers)  # [S, T · B]
        policy = self.actor.of_features(actor, features[:, 0], obs.flatten(1, 2))
        log_ratio = self.dist.log_prob(*policy, action.flatten(1, 2)) - old_log_prob
        ratio = log_ratio.exp()
        if c.normalize_advantage:  # per seed and minibatch
            advantage = standardize(advantage)
        clipped_ratio = torch.clamp(ratio, 1 - self.clip_range, 1 + self.clip_range)
        policy_loss = -torch.minimum(ratio * advantage, clipped_ratio * advantage).mean(-1)  # [S]
        value = self.critic(critic, features[:, 1]).squeeze(-1)
        if c.clip_range_vf is not None:
            value = old_value + torch.clamp(value - old_value, -self.clip_range_vf, self.clip_range_vf)
        value_loss = F.mse_loss(value, returns, reduction="none").mean(-1)
        entropy = self.dist.entropy(*policy).mean(-1)
        loss = policy_loss + c.vf_coef * value_loss - c.ent_coef * entropy
        found = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
        return loss, lambda: {**found, **policy_change(ratio, log_ratio, self.clip_range)}

    # -- the loop ------------------------------------------------------------------------------------------------
    def choose(self, obs: Any, start: Any) -> tuple[Tensor, Tensor]:
        """Return sampled actions and their log-probabilities, and update the memory; obs [S, N, size]: normalised."""
        noise, seen = self.tensor(self.dist.noise(self.streams, "act", obs.shape[1])), self.tensor(obs)
        lstm, actor, _ = self.params
        features, self.memory = self.cells.step(lstm, self.mask.state(seen), self.tensor(start), self.memory)
        out = self.actor.of_features(actor, features[:, 0], seen)
        action = self.dist.sample(*out, noise)
        return action.cpu(), self.dist.log_prob(*out, action).cpu()

    def act(self, obs: Any) -> Any:
        return self.policy()(obs, np.ones(obs.shape[:2], bool))  # with an empty memory, as at the start of an episode

    def policy(self, mode: str = "greedy") -> Any:
        if mode not in ("greedy", "sampled"):
            return super().policy(mode)
        remember = self.cells.actor_memory(self.params[0])

        def play(obs: Any, start: Any) -> Any:
            seen = self.tensor(self.obs_norm(obs))
            out = self.actor.of_features(self.params[1], remember(self.mask.state(seen), self.tensor(start)), seen)
            if mode == "greedy":
                return self.dist.to_env(self.dist.mode(*out))
            noise = self.dist.noise(self.streams, "evaluate", start.shape[1])
            return self.dist.to_env(self.dist.sample(*out, self.tensor(noise)))

        return play

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            memory = self.memory
            self.collect(interaction)
            if self.rollout.full:
                self.learn(interaction, memory)

    def collect(self, interaction: Interaction) -> None:
        """Fill the rollout, or as much of it as the budget allows."""
        self.rollout.clear()
        while not (self.rollout.full or interaction.finished):
            self.obs_norm.update(interaction.obs, interaction.active)
            obs, start = self.obs_norm(interaction.obs), interaction.start
            action, log_prob = self.choose(obs, start)
            t = interaction.step(self.dist.to_env(action))
            cut, next_obs = t.terminated | t.truncated, self.obs_norm(t.next_obs)
            reward = self.reward_norm(t.reward, cut, interaction.active)
            step = {"obs": obs, "next_obs": next_obs, "action": action, "log_prob": log_prob, "reward": reward}
            self.rollout.add(**step, start=start, terminated=t.terminated, cut=cut)

    def learn(self, interaction: Interaction, memory: Tensor) -> None:
        """Make n_epochs passes over the rollout in minibatches. memory: before the rollout."""
        c, r, active = self.config, self.rollout.tensors(), self.active(interaction)
        learning_rate, clip_range, clip_range_vf = (schedule(interaction.steps) for schedule in self.schedules)
        self.optimizer.set_lr(learning_rate)
        self.clip_range.fill_(clip_range)
        self.clip_range_vf.fill_(clip_range_vf)
        states, (lstm, _, critic) = (self.mask.state(r["obs"]), self.mask.state(r["next_obs"])), self.params
        read = self.cells.critic_features(lstm, *states, r["start"], memory)
        value, next_value = (self.critic(critic, features).view_as(r["reward"]) for features in read)
        advantage = gae(r["reward"], c.gamma * ~r["terminated"], value, next_value, r["cut"], c.gae_lambda)  # [S, T, N]
        returns = advantage + value
        steps = r["obs"], r["start"], memory.unsqueeze(1), r["action"], r["log_prob"], value, advantage, returns
        interaction.log_mean(explained_variance=explained_variance(advantage, returns))
        for _ in range(c.n_epochs):
            order = self.tensor(self.streams.permutations("order", c.n_envs))  # [S, N]
            for minibatch in sequence_minibatches(steps, order, min(c.batch_size // c.n_steps, c.n_envs)):
                grads, found = self.gradient(self.params, *minibatch)
                interaction.log_mean(found, where=active)
                if c.target_kl is not None:  # a seed that has moved too far rests until the next rollout
                    active = active & ~(found()["approx_kl"] > 1.5 * c.target_kl)
                self.optimizer.apply(self.params, grads, active)

    def parts(self) -> dict[str, Any]:  # the rollout is empty whenever a checkpoint is written
        learned = {**dict(zip(("lstm", "actor", "critic"), self.params)), "optimizer": self.optimizer}
        return {**learned, "obs_norm": self.obs_norm, "reward_norm": self.reward_norm, "memory": self.memory}
