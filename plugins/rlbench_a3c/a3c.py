"""Asynchronous advantage actor-critic: processes that share parameters and optimiser, without a lock.

Source: Mnih et al. 2016, arXiv:1602.01783, algorithm S3 and section 4. One seed, on the CPU. The operating system
decides the order in which processes update, so a run cannot be repeated exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from rlbench import Device, Interaction, SeedStreams, TaskInfo, setting
from rlbench.kit import Field, ImagesAndNumbers, Rollout, TorchAlgorithm, clip, gae, network, tensor, value_and_grad
from rlbench.kit.distributions import Actor, policy_for
from rlbench.kit.normalization import RewardNormalizer
from rlbench.kit.schedules import Schedule
from rlbench.kit.shared_memory import SharedRMSprop, run_workers, shared


@dataclass(frozen=True)
class A3CConfig:
    """Hyperparameters, with Stable-Baselines3's names where it has them.

    When the budget is spent, the steps of an unfinished rollout are discarded without an update.
    """

    n_workers: int = setting(4, "processes, each with its own environment (Mnih 2016: 16)", ge=1)
    n_steps: int = setting(20, "maximum steps between a worker's updates; an episode's end updates too (t_max)", ge=1)
    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers of the policy and of the value network")
    activation_fn: Literal["tanh", "relu"] = setting("tanh", "activation function of the hidden layers")
    learning_rate: float | str = setting(
        "lin_0.001", "RMSprop's rate; lin_1e-3: falls to 0 over the budget (Mnih 2016)", gt=0, schedule=True
    )
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(1.0, "GAE's lambda; 1: the n-step returns of Mnih 2016", ge=0, le=1)
    vf_coef: float = setting(0.5, "weight of the squared error of the value", ge=0)
    ent_coef: float = setting(0.01, "weight of the entropy bonus (Mnih 2016: 0.01)", ge=0)
    max_grad_norm: float = setting(0.5, "maximum norm of the gradient", gt=0)
    rms_prop_alpha: float = setting(0.99, "RMSprop's decay of the average of squares (Mnih 2016: 0.99)", ge=0, lt=1)
    rms_prop_eps: float = setting(1e-5, "RMSprop's epsilon, under the root", gt=0)
    log_std_init: float = setting(0.0, "initial log standard deviation of continuous actions")
    normalize_reward: bool = setting(False, "divide rewards by the running deviation of the worker's discounted return")


class SharedState(NamedTuple):
    """Memory shared by the processes.

    params: parameters [1, P]. square: RMSprop's squares [1, P]. taken: steps taken by each worker [W].
    """

    params: Tensor
    square: Tensor
    taken: Tensor


class ActorCritic:
    """Policy and value networks with separate layers. Parameters are one row [1, P]: the actor's, then the critic's."""

    def __init__(self, config: A3CConfig, task: TaskInfo) -> None:
        c, self.dist = config, policy_for(task.action_space)
        size, images = int(np.prod(task.observation_space.shape or ())), ImagesAndNumbers.of(task.observation_space)
        inputs = size if images is None else images
        self.obs_field = Field((size,), torch.float32 if images is None else torch.uint8)
        self.actor = Actor(self.dist, inputs, c.net_arch, c.activation_fn)
        gains = [*[2**0.5] * len(c.net_arch), 1.0]
        self.critic = network(inputs, (*c.net_arch, 1), c.activation_fn, "orthogonal", gains)

    def init(self, streams: SeedStreams, log_std: float) -> Tensor:
        return torch.cat([self.actor.init(streams, "init", log_std), self.critic.init(streams, "init")], 1)

    def policy(self, params: Tensor, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distribution's parameters at observations [1, B, obs]."""
        return self.actor(params, obs)

    def value(self, params: Tensor, obs: Tensor) -> Tensor:
        return self.critic(params[:, -self.critic.size :], obs).squeeze(-1)  # [1, B]

    def draw(self, params: Tensor, obs: Tensor, streams: SeedStreams, name: str) -> Tensor:
        """Sample actions [1, B, …] from the policy, with random numbers from the stream `name`."""
        noise = tensor(self.dist.noise(streams, name, obs.shape[1]))
        return self.dist.sample(*self.policy(params, obs), noise)


class Worker:
    """One process. It acts with a copy of the shared parameters, then updates the shared ones with its gradient."""

    def __init__(
        self, env: Any, rank: int, shared: SharedState, config: A3CConfig, task: TaskInfo, streams: SeedStreams
    ) -> None:
        self.env, self.rank, self.shared, self.config = env, rank, shared, config
        self.taken = shared.taken.numpy()  # the same memory
        self.network = ActorCritic(config, task)
        self.optimizer = SharedRMSprop(shared.square, config.rms_prop_alpha, config.rms_prop_eps)
        self.learning_rate = Schedule.parse(config.learning_rate, task.steps)
        self.streams, self.name = streams, f"worker {rank}"
        fields = {"obs": self.network.obs_field, "action": self.network.dist.field, "reward": Field()}
        self.rollout = Rollout(1, config.n_steps, 1, "cpu", **fields, terminated=Field(dtype=torch.bool))
        self.reward_norm = RewardNormalizer(1, 1, config.gamma, config.normalize_reward)
        self.obs = self.flat(env.reset()[0])

    def run(self) -> None:
        while not self.env.finished:
            params = self.shared.params.clone()
            self.learn(params, self.collect(params))

    def flat(self, obs: Any) -> Any:
        """Return an observation as [1, 1, size]; images stay bytes."""
        dtype = np.uint8 if self.network.obs_field.dtype == torch.uint8 else np.float32
        return np.array(obs, dtype).reshape(1, 1, -1)  # a copy: an environment may reuse its memory

    def collect(self, params: Tensor) -> Tensor:
        """Fill the rollout, at most to the episode's end. Returns: the successor of the last step [1, 1, obs]."""
        done = False
        self.rollout.clear()
        while not (done or self.rollout.full):
            action = self.network.draw(params, tensor(self.obs), self.streams, self.name)  # [1, 1, …]
            obs, reward, terminated, truncated, _ = self.env.step(self.network.dist.to_env(action)[0, 0])
            self.taken[self.rank] += 1
            done = terminated or truncated
            if self.config.normalize_reward:
                reward = self.reward_norm(np.full((1, 1), reward), np.full((1, 1), done), np.ones(1, bool))
            self.rollout.add(obs=self.obs, action=action, reward=reward, terminated=terminated)
            self.obs = self.flat(obs)
        last = tensor(self.obs)
        if done:
            self.obs = self.flat(self.env.reset()[0])
        return last

    def learn(self, params: Tensor, last: Tensor) -> None:
        """Compute the gradient at `params`, with which the worker acted, and apply it to the shared parameters."""
        c, lr = self.config, self.learning_rate(int(self.shared.taken.sum()))
        r = {name: x[:, : self.rollout.length] for name, x in self.rollout.tensors().items()}  # [1, T, 1, …]
        states = torch.cat([r["obs"].flatten(1, 2), last], 1)
        _, grads = value_and_grad(self.loss, [params], states, r["action"].flatten(1, 2), r["reward"], r["terminated"])
        self.optimizer.apply(self.shared.params, clip(grads, c.max_grad_norm)[0], lr)

    def loss(self, params: Tensor, states: Tensor, action: Tensor, reward: Tensor, terminated: Tensor) -> Tensor:
        """Return the loss of Mnih 2016, a sum over steps, divided by n_steps even if the rollout is shorter.

        So a step does not weigh more if its episode ends early. states: [1, T + 1, obs], with the last successor.
        action: [1, T, …]. reward, terminated: [1, T, 1].
        """
        c, dist, policy = self.config, self.network.dist, self.network.policy(params, states[:, :-1])
        value = self.network.value(params, states)
        value, v = value[:, :-1], value.detach().unsqueeze(-1)  # [1, T] and [1, T + 1, 1]
        cut = terminated  # an episode can end only at the rollout's last step
        advantage = gae(reward, c.gamma * ~terminated, v[:, :-1], v[:, 1:], cut, c.gae_lambda).squeeze(-1)
        policy_loss = -(advantage * dist.log_prob(*policy, action))  # [1, T]
        value_loss = F.mse_loss(value, advantage + value.detach(), reduction="none")
        loss = policy_loss + c.vf_coef * value_loss - c.ent_coef * dist.entropy(*policy)
        return loss.sum(-1) / c.n_steps


@torch.no_grad()
def work(
    env: Any, rank: int, memory: SharedState, config: A3CConfig, task: TaskInfo, seeds: tuple[int, ...], space: str
) -> None:
    """Run a worker; the entry point of a process."""
    Worker(env, rank, memory, config, task, SeedStreams(seeds, space)).run()


class A3C(TorchAlgorithm):
    """The algorithm in the main process: starts the workers and evaluates their shared policy."""

    Config = A3CConfig
    policy_parts = ("params",)

    def __init__(self, config: A3CConfig, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        super().__init__(config, task, streams, device)
        if len(streams.seeds) != 1 or device.name != "cpu":
            raise ValueError("a3c trains one seed on the CPU, where its processes share memory: set devices to cpu")
        self.network = ActorCritic(config, task)
        params = self.network.init(streams, config.log_std_init)
        taken = torch.zeros(config.n_workers, dtype=torch.int64)
        self.shared = SharedState(shared(params), shared(torch.zeros_like(params)), shared(taken))

    def train(self, interaction: Interaction) -> None:
        arguments = (self.shared, self.config, self.task, self.streams.seeds, self.streams.space)
        run_workers(interaction, self.config.n_workers, work, *arguments)

    def act(self, obs: Any) -> Any:
        dist = self.network.dist
        return dist.to_env(dist.mode(*self.network.policy(self.shared.params, tensor(obs).flatten(2))))

    def policy(self, mode: str = "greedy") -> Any:
        def sampled(obs: Any, start: Any) -> Any:
            action = self.network.draw(self.shared.params, tensor(obs).flatten(2), self.streams, "evaluate")
            return self.network.dist.to_env(action)

        return sampled if mode == "sampled" else super().policy(mode)

    def parts(self) -> dict[str, Any]:  # not resumable: the workers' environments and streams end with them
        return {"params": self.shared.params, "square": self.shared.square}
