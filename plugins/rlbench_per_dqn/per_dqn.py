"""Double deep Q-learning with prioritized replay, S seeds at once: large errors are replayed more often.

Source: Schaul et al. 2016, arXiv:1511.05952, algorithm 1. Read it beside rlbench_double_dqn/double_dqn.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from gymnasium.spaces import Discrete
from torch import Tensor

from rlbench import Algorithm, Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import Field, NStep, PrioritizedReplay, TorchInteraction, compile_methods, tensor
from rlbench.kit.optimizers import Adam, clip, polyak
from rlbench.kit.schedules import Every, decay, parse_schedule
from rlbench.kit.stacked_networks import MLP, value_and_grad
from rlbench.kit.state_dict import pack, unpack


@dataclass(frozen=True)
class PERDQNConfig:
    """Hyperparameters, with Stable-Baselines3's names where it has them. Durations are in steps of one seed."""

    n_envs: int = setting(1, "environments of each seed", ge=1)
    net_arch: tuple[int, ...] = setting((128, 128), "units of the hidden layers")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    learning_rate: float | str = setting(1e-3, "Adam's learning rate; lin_1e-3: falls to 0", gt=0, schedule=True)
    batch_size: int = setting(64, "transitions per update", ge=1)
    multi_step_returns: int = setting(1, "steps whose rewards a target sums before it bootstraps", ge=1)
    buffer_size: int = setting(100_000, "transitions kept for replay", ge=1)
    prioritized_replay_alpha: float = setting(
        0.6, "exponent of priorities; 0: uniform replay (Schaul 2016, table 3)", ge=0, le=1
    )
    prioritized_replay_beta0: float = setting(
        0.4, "exponent of the importance weights at step 0, increasing to 1 at the end of the budget (same)", ge=0, le=1
    )
    prioritized_replay_eps: float = setting(1e-6, "added to each absolute error to make its priority", gt=0)
    learning_starts: int = setting(1_000, "steps of random actions before the first update", ge=0)
    train_freq: int = setting(1, "steps of all n_envs environments between rounds of updates", ge=1)
    gradient_steps: int = setting(1, "updates per round; -1: as many as steps of one seed since the last round", ge=-1)
    target_update_interval: int = setting(500, "steps of one seed between updates of the target network", ge=1)
    tau: float = setting(1.0, "weight of the online network in each target update; 1: a copy", gt=0, le=1)
    exploration_initial_eps: float = setting(1.0, "probability of a random action at step 0", ge=0, le=1)
    exploration_final_eps: float = setting(0.05, "probability of a random action after the decay", ge=0, le=1)
    exploration_fraction: float = setting(0.2, "share of the budget over which this probability decays", ge=0, le=1)
    exploration_schedule: Literal["linear", "exponential"] = setting(
        "linear", "shape of the decay; exponential needs both ends above 0"
    )
    loss: Literal["huber", "mse"] = setting(
        "huber", "huber: errors beyond 1 count linearly (Mnih 2015's clipped error)"
    )
    max_grad_norm: float = setting(10.0, "maximum norm of the gradient", gt=0)
    adam_eps: float = setting(1e-8, "Adam's epsilon", gt=0)

    def __post_init__(self) -> None:
        if self.gradient_steps == 0:
            raise ValueError("gradient_steps must be -1 or at least 1")
        if self.buffer_size < self.batch_size:
            raise ValueError(f"buffer_size {self.buffer_size} is smaller than batch_size {self.batch_size}")
        if self.learning_starts < (self.multi_step_returns - 1) * self.n_envs:
            raise ValueError(
                f"learning_starts {self.learning_starts} is too few for multi_step_returns {self.multi_step_returns}"
            )
        ends = self.exploration_initial_eps, self.exploration_final_eps
        if self.exploration_schedule == "exponential" and min(ends) <= 0:
            raise ValueError("exponential decay needs exploration_initial_eps and exploration_final_eps above 0")


class PERDQN(Algorithm):
    """Double Q-learning on prioritized minibatches; actions are epsilon-greedy in training and greedy in evaluation."""

    Config = PERDQNConfig

    def __init__(self, config: PERDQNConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        c, obs_size = config, int(np.prod(task.observation_space.shape or ()))
        if c.learning_starts >= task.steps:
            raise ValueError(f"learning_starts {c.learning_starts} leaves none of the {task.steps} steps for learning")
        assert isinstance(task.action_space, Discrete)  # as the spec declares
        self.num_seeds, self.num_actions = len(streams.seeds), int(task.action_space.n)
        self.network = MLP((obs_size, *c.net_arch, self.num_actions), c.activation_fn)
        self.online = self.network.init(streams, "init", device=device.name)  # [S, P]
        self.target = self.online.clone()
        self.optimizer = Adam([self.online], parse_schedule(c.learning_rate)[0], c.adam_eps)
        fields = {
            "obs": Field((obs_size,)),
            "action": Field(dtype=torch.int64),
            "reward": Field(),
            "next_obs": Field((obs_size,)),
            "discount": Field(),
        }
        self.replay = PrioritizedReplay(
            self.num_seeds,
            min(c.buffer_size, task.steps),
            device.name,
            alpha=c.prioritized_replay_alpha,
            floor=c.prioritized_replay_eps,
            **fields,
        )
        self.n_step = NStep(self.num_seeds, c.n_envs, c.multi_step_returns, c.gamma, obs_size, fields["action"])
        self.train_round, self.target_round = Every(c.train_freq), Every(max(c.target_update_interval // c.n_envs, 1))
        compile_methods(device, self.gradient)

    # -- functions of tensors; B transitions of each seed --------------------------------------------------------
    def greedy(self, online: Tensor, obs: Tensor) -> Tensor:
        return self.network(online, obs.flatten(2)).argmax(-1)

    def loss(
        self, online: Tensor, obs: Tensor, action: Tensor, target: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss [S] and the errors [S, B]."""
        value = self.network(online, obs).gather(-1, action.unsqueeze(-1)).squeeze(-1)  # [S, B]
        error = (value - target).abs()
        clipped = error.clamp(max=1.0)
        loss = error * error if self.config.loss == "mse" else clipped * (error - 0.5 * clipped)
        return (weight * loss).mean(-1), target - value

    def gradient(self, online: Tensor, target: Tensor, batch: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
        """Return the clipped gradients and the errors [S, B]."""
        next_action = self.network(online, batch["next_obs"]).argmax(-1, keepdim=True)
        next_value = self.network(target, batch["next_obs"]).gather(-1, next_action).squeeze(-1)
        # The discount is 0 after termination, not after truncation.
        td_target = batch["reward"] + batch["discount"] * next_value
        inputs = batch["obs"], batch["action"], td_target, batch["weight"]
        (_, error), grads = value_and_grad(self.loss, [online], *inputs)
        return clip(grads, self.config.max_grad_norm), error

    def update(self, online: Tensor, target: Tensor, batch: dict[str, Tensor], active: Tensor) -> Tensor:
        """Learn from a minibatch. Returns: its errors [S, B] before the update."""
        grads, error = self.gradient(online, target, batch)
        self.optimizer.apply([online], grads, active)
        return error

    # -- the loop ------------------------------------------------------------------------------------------------
    def act(self, obs: Any) -> Any:
        return self.greedy(self.online, tensor(obs, self.device.name)).cpu().numpy()

    def train(self, interaction: Interaction) -> None:
        c, env = self.config, TorchInteraction(interaction, self.device.name)
        interaction.reset()
        while not interaction.finished:
            interaction.checkpoint()
            transition = self.n_step.add(interaction.step(self.explore(interaction)))
            if transition is not None:
                self.replay.add(**transition)
            vector_steps = interaction.steps // c.n_envs  # intervals count steps that all environments take together
            if self.train_round.due(vector_steps) and interaction.steps > c.learning_starts:
                self.learn(interaction, env, c.train_freq * c.n_envs if c.gradient_steps < 0 else c.gradient_steps)
            if self.target_round.due(vector_steps):
                if c.tau < 1:
                    polyak(self.target, self.online, c.tau, env.active)
                else:
                    self.target.copy_(self.online)

    def explore(self, interaction: Interaction) -> Any:
        """Return epsilon-greedy actions [S, N]; all are random during the warm-up."""
        c, n, steps = self.config, interaction.num_envs, interaction.steps
        start, end = c.exploration_initial_eps, c.exploration_final_eps
        epsilon = decay(start, end, c.exploration_fraction * interaction.budget.steps, steps, c.exploration_schedule)
        draws = self.streams.uniform("explore", n, 2)  # [S, N, 2]
        random_action = (draws[..., 1] * self.num_actions).astype(np.int64)
        if steps < c.learning_starts:
            return random_action
        return np.where(draws[..., 0] < epsilon, random_action, self.act(interaction.obs))

    def learn(self, interaction: Interaction, env: TorchInteraction, updates: int) -> None:
        """Learn from `updates` minibatches and set the priorities of their transitions from the errors."""
        c = self.config
        beta = decay(c.prioritized_replay_beta0, 1.0, interaction.budget.steps, interaction.steps)
        lr, shape = parse_schedule(c.learning_rate)
        self.optimizer.set_lr(decay(lr, 0.0, interaction.budget.steps, interaction.steps, shape))
        for _ in range(updates):
            index, batch = self.replay.sample(self.streams.uniform("replay", c.batch_size), beta)
            error = self.update(self.online, self.target, batch, env.active)
            self.replay.update(index, error.cpu().numpy(), interaction.active)

    # -- checkpoints ---------------------------------------------------------------------------------------------
    def parts(self) -> dict[str, Any]:
        learner = {"online": self.online, "target": self.target, "optimizer": self.optimizer, "replay": self.replay}
        return {**learner, "n_step": self.n_step, "train_round": self.train_round, "target_round": self.target_round}

    def state(self) -> dict[str, Any]:
        return pack(self.parts(), self.num_seeds)

    def load_state(self, state: Any) -> None:
        unpack(self.parts(), state)

    def final_state(self) -> dict[str, Any]:
        return pack({"online": self.online}, self.num_seeds)

    def load_final_state(self, state: Any) -> None:
        unpack({"online": self.online}, state)
