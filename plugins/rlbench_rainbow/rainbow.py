"""Rainbow, S seeds at once: six improvements of deep Q-learning in one learner.

Double Q-learning, prioritized replay, dueling streams, multi-step returns, distributions of returns and noisy networks.
Source: Hessel et al. 2018, "Rainbow: Combining Improvements in Deep Reinforcement Learning", arXiv:1710.02298.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from gymnasium.spaces import Discrete
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import (
    Adam,
    Batch,
    Every,
    Field,
    Metrics,
    NoisyMLP,
    NStep,
    PrioritizedReplay,
    Schedule,
    TorchAlgorithm,
    UpdateRounds,
    check_replay_settings,
    gradient_of,
    network,
    polyak,
    replay_fields,
    watched,
)
from rlbench.kit.categorical_returns import divergence, equidistant, projected

Noise = Sequence[Tensor | None]  # for the value and the advantage stream, each [S, P]; None: no noise


@dataclass(frozen=True)
class RainbowConfig:
    """Hyperparameters, with Stable-Baselines3's names where it has them. Durations are in steps of one seed."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((128, 128), "units of the layers that both streams share")
    stream_hidden: int = setting(128, "units of each stream's hidden layer", ge=2)
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    noisy_std: float = setting(0.5, "initial scale of the noise in both streams, times 1 / √inputs", gt=0)
    n_atoms: int = setting(51, "possible returns, equidistant", ge=2)
    v_min: float = setting(-10.0, "smallest possible return; a smaller one counts as this")
    v_max: float = setting(10.0, "largest possible return; a larger one counts as this")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    batch_size: int = setting(64, "transitions per update", ge=1)
    multi_step_returns: int = setting(3, "steps whose rewards a target sums before it bootstraps", ge=1)
    buffer_size: int = setting(100_000, "transitions kept for replay", ge=1)
    prioritized_replay_alpha: float = setting(0.5, "exponent of priorities; 0: uniform replay", ge=0, le=1)
    prioritized_replay_beta0: float = setting(
        0.4, "exponent of the importance weights at step 0; increases to 1 over the budget", ge=0, le=1
    )
    prioritized_replay_eps: float = setting(1e-6, "added to each divergence to make its priority", gt=0)
    learning_starts: int = setting(1_000, "steps of random actions before the first update", ge=0, below_steps=True)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: one for each step of a seed since the last round", ge=-1)
    target_update_interval: int = setting(500, "steps of one seed between updates of the target network", ge=1)
    tau: float = setting(1.0, "weight of the online network in each target update; 1: a copy", gt=0, le=1)
    max_grad_norm: float = setting(10.0, "maximum norm of the gradient", gt=0)
    adam_eps: float = setting(1.5e-4, "Adam's epsilon", gt=0)
    clip_reward: float | None = setting(None, "clip rewards to ± this in updates; none: do not clip", gt=0)

    def __post_init__(self) -> None:
        if min(self.net_arch, default=0) < 2:  # products over one unit do not have the same bits in every stack
            raise ValueError("net_arch needs at least one shared layer, of two units or more")
        if self.v_min >= self.v_max:
            raise ValueError(f"v_min {self.v_min} must be below v_max {self.v_max}")
        equidistant(self.v_min, self.v_max, self.n_atoms)  # also refuses numbers that are not finite
        check_replay_settings(self)
        if self.learning_starts < (self.multi_step_returns - 1) * self.n_envs:
            raise ValueError(
                f"learning_starts {self.learning_starts} is too few for multi_step_returns {self.multi_step_returns}"
            )


class Rainbow(TorchAlgorithm):
    """Distributions of returns are learned from prioritized minibatches; noise explores, and evaluation has none."""

    Config = RainbowConfig
    per_seed = ("learning_rate", "gamma")
    policy_parts = ("online",)

    def __init__(self, config: RainbowConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c = config
        assert isinstance(task.action_space, Discrete)  # as the spec declares
        self.num_actions = int(task.action_space.n)
        self.atoms = equidistant(c.v_min, c.v_max, c.n_atoms).to(device.name)  # [Z]
        stream = c.net_arch[-1], c.stream_hidden
        self.shared = network(self.inputs, c.net_arch, c.activation_fn)
        self.value = NoisyMLP((*stream, c.n_atoms), c.activation_fn, c.noisy_std)
        self.advantage = NoisyMLP((*stream, c.n_atoms * self.num_actions), c.activation_fn, c.noisy_std)
        networks = (self.shared, self.value, self.advantage)
        self.online = torch.cat([n.init(streams, "init", device=device.name) for n in networks], 1)  # [S, P]
        self.sizes = [n.size for n in networks]
        self.target = self.online.clone()
        self.learning_rate = Schedule.parse(c.learning_rate, task.steps)
        self.optimizer = Adam([self.online], self.learning_rate.start, c.adam_eps)
        self.td_gradient = gradient_of(self.td_loss, device, c.max_grad_norm)
        fields = replay_fields(self.obs_field, Field(dtype=torch.int64))
        alpha, floor, steps = c.prioritized_replay_alpha, c.prioritized_replay_eps, c.multi_step_returns
        s, capacity = self.num_seeds, min(c.buffer_size, task.steps)
        self.replay = PrioritizedReplay(s, capacity, device.name, alpha=alpha, floor=floor, n_step=steps, **fields)
        self.beta = Schedule(c.prioritized_replay_beta0, 1.0, task.steps)
        self.n_step = NStep(self.num_seeds, c.n_envs, steps, c.gamma, self.obs_field, fields["action"], c.clip_reward)
        self.train_round = UpdateRounds(c, task.steps)
        self.target_round = Every(max(c.target_update_interval // c.n_envs, 1), c.n_envs)

    # -- functions of tensors; B transitions of each seed --------------------------------------------------------
    def log_probs(self, params: Tensor, noise: Noise, obs: Tensor) -> Tensor:
        """Map parameters [S, P], noise and observations [S, B, obs] to log-probabilities of the atoms [S, B, A, Z]."""
        shared, value, advantage = params.split(self.sizes, 1)
        features = self.shared.activation(self.shared(shared, self.mask.state(obs)))
        gains = self.advantage(advantage, features, noise[1]).view(*obs.shape[:2], -1, self.num_actions)
        logits = self.value(value, features, noise[0]).unsqueeze(-1) + (gains - gains.mean(-1, keepdim=True))
        return logits.transpose(2, 3).contiguous().log_softmax(-1)

    def best(self, log_probs: Tensor, obs: Tensor) -> Tensor:
        """Return the allowed actions with the highest mean return: [S, B, A, Z] → [S, B]."""
        return self.mask.apply((log_probs.exp() * self.atoms).sum(-1), obs).argmax(-1)

    @watched
    def greedy(self, online: Tensor, noise: Noise, obs: Tensor) -> Tensor:
        obs = obs.flatten(2)
        return self.best(self.log_probs(online, noise, obs), obs)

    def td_loss(
        self, online: Tensor, target: Tensor, batch: Batch, weight: Tensor, noise: Sequence[Noise]
    ) -> tuple[Tensor, Metrics, Tensor]:
        """Return the loss [S], its metrics, and each transition's divergence [S, B] of the prediction from its target.

        weight: importance weights [S, B]. noise: of the prediction, of the choice of the next action, of the target.
        """
        next_action = self.best(self.log_probs(online.detach(), noise[1], batch.next_obs), batch.next_obs)
        next_probs = of_action(self.log_probs(target, noise[2], batch.next_obs), next_action).exp()  # [S, B, Z]
        returns = batch.reward.unsqueeze(-1) + batch.discount.unsqueeze(-1) * self.atoms
        log_probs = of_action(self.log_probs(online, noise[0], batch.obs), batch.action)  # [S, B, Z]
        error = divergence(projected(next_probs, returns, self.atoms), log_probs)
        loss = (weight * error).mean(-1)
        return loss, lambda: {"td_loss": loss, "mean_q": (log_probs.exp() * self.atoms).sum(-1).mean(-1)}, error

    # -- the loop ------------------------------------------------------------------------------------------------
    def train(self, interaction: Interaction) -> None:
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            transition = self.n_step.add(interaction.step(self.explore(interaction)))
            if transition is not None:
                self.replay.add(**transition)
            for _ in range(self.train_round.due(interaction.steps)):
                self.learn(interaction)
            if self.target_round.due(interaction.steps):
                polyak(self.target, self.online, self.config.tau, self.active(interaction))

    def explore(self, interaction: Interaction) -> Any:
        """Return the best actions [S, N] under new noise, or random actions during the warm-up."""
        if interaction.steps < self.config.learning_starts:
            uniform = self.streams.uniform("explore", interaction.num_envs)
            return self.mask.random_actions(uniform, interaction.obs, self.num_actions)
        return self.greedy(self.online, self.noise("act"), self.tensor(interaction.obs)).cpu().numpy()

    def learn(self, interaction: Interaction) -> None:
        """Take one gradient step on a minibatch, and update the priorities of its transitions by their divergences."""
        uniform = self.streams.uniform("replay", self.config.batch_size)
        index, fields = self.replay.sample(uniform, self.beta(interaction.steps))
        weight = fields.pop("weight")
        noise = [self.noise("update") for _ in range(3)]
        self.optimizer.set_lr(self.learning_rate(interaction.steps))
        grads, found, error = self.td_gradient([self.online], self.target, Batch(**fields), weight, noise)
        self.optimizer.apply([self.online], grads, self.active(interaction))
        self.replay.update(index, error.cpu().numpy(), interaction.active)
        interaction.log_mean(found)

    def noise(self, stream: str) -> Noise:
        """Draw noise for both streams of the network, each seed's from its own random stream `stream`."""
        networks = self.value, self.advantage
        return [n.noise(self.tensor(self.streams.normal(stream, n.factors))) for n in networks]

    def act(self, obs: Any) -> Any:
        return self.greedy(self.online, (None, None), self.tensor(obs)).cpu().numpy()

    def parts(self) -> dict[str, Any]:
        learner = {"online": self.online, "target": self.target, "optimizer": self.optimizer, "replay": self.replay}
        return {**learner, "n_step": self.n_step, "train_round": self.train_round, "target_round": self.target_round}


def of_action(log_probs: Tensor, action: Tensor) -> Tensor:
    """Return the log-probabilities of one action for each state: [S, B, A, Z], [S, B] → [S, B, Z]."""
    return log_probs.gather(2, action[..., None, None].expand(-1, -1, 1, log_probs.shape[-1])).squeeze(2)
