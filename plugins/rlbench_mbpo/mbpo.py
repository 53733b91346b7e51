"""Model-based policy optimisation, S seeds at once: soft actor-critic, learning from short rollouts of a learned model.

Source: Janner et al. 2019, arXiv:1906.08253. The policy is learned as in rlbench_sac/sac.py; the model is
`rlbench.kit.DynamicsEnsemble`. All steps of the environment count, also steps before the first update.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal, cast

import torch
from rlbench_sac.sac import SAC, SACConfig
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import DynamicsEnsemble, Field, MixedReplay, Replay, UpdateRounds, replay_entry, replay_fields
from rlbench_mbpo.termination import termination_function


@dataclass(frozen=True)
class MBPOConfig(SACConfig):
    """Hyperparameters of SAC and of the model. The defaults are for budgets of a few thousand steps."""

    learning_starts: int = setting(500, "steps of uniform actions before the first update", ge=5, below_steps=True)
    gradient_steps: int = setting(10, "updates per round; -1: one for each step of a seed since the last round", ge=-1)
    model_members: int = setting(7, "networks of the ensemble", ge=1)
    model_elites: int = setting(5, "networks that predict: the best on held-out transitions", ge=1)
    model_net_arch: tuple[int, ...] = setting((200, 200, 200, 200), "units of the hidden layers of each network")
    model_learning_rate: float = setting(1e-3, "Adam's learning rate for the model", gt=0)
    model_batch_size: int = setting(256, "transitions per update of each network", ge=1)
    model_train_freq: int = setting(250, "steps of all n_envs environments between trainings of the model", ge=1)
    model_gradient_steps: int = setting(200, "updates of each network per training", ge=1)
    predict: Literal["delta", "next"] = setting("delta", "what the model predicts: the change, or the next observation")
    rollouts_per_step: int = setting(20, "rollouts of the model for each step of the environment", ge=1)
    rollout_length: int = setting(1, "steps of each rollout at the start of training", ge=1)
    final_rollout_length: int | None = setting(None, "rollout_length at the end (linear); none: unchanged", ge=1)
    model_buffer_size: int = setting(100_000, "transitions of the model kept for replay", ge=1)
    real_ratio: float = setting(0.05, "share of a minibatch from the environment, not the model", ge=0, le=1)
    termination_fn: str | None = setting(
        None, "module:function of (obs, action, next_obs) that returns terminations; none: learned", privileged=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model_elites > self.model_members:
            raise ValueError(f"model_elites {self.model_elites} is more than model_members {self.model_members}")


class MBPO(SAC):
    """Trains the model every few steps, branches rollouts from replay, and trains the policy mostly on the rollouts."""

    Config, per_seed = MBPOConfig, ("learning_rate", "gamma")

    def __init__(self, config: MBPOConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c = config
        self.model = DynamicsEnsemble(
            (self.obs_size, self.dim),
            (c.model_members, c.model_elites),
            c.model_net_arch,
            c.model_learning_rate,
            streams,
            device,
            c.predict,
        )
        fields = replay_fields(self.obs_size, Field((self.dim,)))
        self.real = self.replay
        self.imagined = Replay(self.num_seeds, c.model_buffer_size, device.name, **fields)
        self.replay = cast(Any, MixedReplay(self.real, self.imagined, c.real_ratio))  # what SAC learns from
        self.ends = termination_function(c.termination_fn)
        warm_up = max(c.learning_starts - 1, 0)  # the model exists when the updates of the policy begin
        rounds = {"train_freq": c.model_train_freq, "learning_starts": warm_up, "gradient_steps": 1}
        self.model_round = UpdateRounds(SimpleNamespace(n_envs=c.n_envs, **rounds), task.steps)

    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            action = self.explore(interaction)
            t = interaction.step(self.bounds.to_env(action))
            self.noise.restart(t.terminated | t.truncated)
            self.real.add(**replay_entry(t, self.config.gamma, action))
            if self.model_round.due(interaction.steps):
                self.learn_model(interaction)
                self.imagine(interaction)
            for _ in range(self.train_round.due(interaction.steps)):
                self.learn(interaction)

    def learn_model(self, interaction: Interaction) -> None:
        """Train every member on the transitions of the environment, and choose the elites."""
        c, active = self.config, self.active(interaction)
        metrics = self.model.train(self.real, c.model_gradient_steps, c.model_batch_size, active)
        interaction.log_mean(metrics, lambda: self.model.assess(self.real, c.model_batch_size))

    @torch.no_grad()
    def imagine(self, interaction: Interaction) -> None:
        """Branch rollouts of the policy in the model from observations in replay. A rollout that ends starts again."""
        c, count = self.config, self.config.rollouts_per_step * self.config.model_train_freq * self.config.n_envs
        starts = self.real.sample(self._draw("imagine", self.real.size, count))["obs"]
        obs = starts
        for _ in range(self.rollout_length(interaction.steps)):
            normal = self.tensor(self.streams.normal("imagine", count, self.dim + self.obs_size + 1))
            action = self.policy_of(self.actor, obs, normal[..., : self.dim])[0]
            member = self._draw("imagine member", c.model_elites, count)
            next_obs, reward, ended = self.model.step(obs, action, member, normal[..., self.dim :])
            if self.ends is not None:
                ended = self.ends(obs, action, next_obs)
            discount = self.factor("gamma", 2) * (~ended).to(reward.dtype)
            self.imagined.add(**_arrays(obs=obs, action=action, reward=reward, next_obs=next_obs, discount=discount))
            obs = torch.where(ended.unsqueeze(-1), starts, next_obs)

    def rollout_length(self, steps: int) -> int:
        """Return the length of rollouts after `steps` steps of one seed."""
        first, last = self.config.rollout_length, self.config.final_rollout_length or self.config.rollout_length
        return int(first + (last - first) * min(1.0, steps / self.task.steps) + 0.5)

    def _draw(self, stream: str, high: int, count: int) -> Tensor:
        return self.tensor(self.streams.integers(stream, high, count))

    def parts(self) -> dict[str, Any]:
        return {**super().parts(), "model": self.model, "model_round": self.model_round}


def _arrays(**tensors: Tensor) -> dict[str, Any]:
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
