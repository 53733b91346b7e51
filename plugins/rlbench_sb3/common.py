"""What Stable-Baselines3's algorithms have in common: metered environments, one call of `learn`, the policy that plays.

Source: Raffin et al. 2021; every number is passed on as it is, under the library's own names and units.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from stable_baselines3.common.noise import ActionNoise, NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from rlbench import Algorithm, Interaction, TaskInfo, setting

GAMMA, EPSILON = 0.99, 1e-8  # VecNormalize's own defaults


@dataclass(frozen=True)
class Environments:
    """Parameters of the vector environment (DummyVecEnv and VecNormalize), which every algorithm has."""

    num_envs: int = setting(1, "environments (n_envs)", ge=1)
    normalize_obs: bool = setting(False, "scale observations by their running mean and variance (norm_obs)")
    normalize_reward: bool = setting(False, "scale rewards by the running variance of returns (norm_reward)")
    clip_obs: float = setting(10.0, "largest normalised observation", gt=0)
    clip_reward: float = setting(10.0, "largest normalised reward", gt=0)


@dataclass(frozen=True)
class Noise(Environments):
    """Parameters of the noise that is added to actions, in units of half the action range."""

    action_noise: Literal["none", "normal", "ou"] = setting("none", "normal, ou (Ornstein-Uhlenbeck), or none")
    noise_sigma: float = setting(0.1, "scale of the noise (sigma)", ge=0)
    noise_theta: float = setting(0.15, "ou: rate of return to 0 (theta)", ge=0)
    noise_dt: float = setting(0.01, "ou: time of one step (dt)", gt=0)


def schedule(start: float, shape: str) -> Any:
    """A number for the library, or its schedule from `start` to 0 over the whole budget."""
    return LinearSchedule(start, 0.0, 1.0) if shape == "linear" else start


def noise(config: Noise, task: TaskInfo) -> ActionNoise | None:
    mean = np.zeros(task.action_space.shape or ())
    sigma = np.full_like(mean, config.noise_sigma)
    if config.action_noise == "normal":
        return NormalActionNoise(mean, sigma)
    if config.action_noise == "ou":
        return OrnsteinUhlenbeckActionNoise(mean, sigma, config.noise_theta, config.noise_dt)
    return None


class Player:
    """The library's policy of one seed, with the observation statistics it was trained with: it learns, and it acts.

    architecture: keyword arguments of the policy's class, beside those that the configuration has.
    """

    activations: Mapping[str, Any] = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}

    def __init__(self, algorithm: Algorithm, policy: type[Any], **architecture: Any) -> None:
        self.task, self.config, self.streams = algorithm.task, algorithm.config, algorithm.streams
        self.device, self._class = algorithm.device.name, policy
        shape = {"net_arch": list(self.config.net_arch), "activation_fn": self.activations[self.config.activation]}
        self.architecture: dict[str, Any] = shape | architecture
        self.network: Any = None  # the model's own once it trains
        self.statistics: Any = None  # RunningMeanStd of the observations, the library's own while it trains

    def learn(self, interaction: Interaction, library: type[Any], **given: Any) -> None:
        """Train the library's algorithm in one call, as its schedules hang on the total.

        The configuration's fields that its constructor knows are passed on; `given` goes before them. It ends by itself
        when the budget is spent, or in the middle of a rollout by BudgetExceeded.
        """
        known, c = inspect.signature(library).parameters, self.config
        passed = {name: getattr(c, name) for name in c.__dataclass_fields__ if name in known} | given
        passed["learning_rate"] = schedule(c.learning_rate, c.lr_schedule)
        self.model = library(
            "MlpPolicy",
            self._environments(interaction),
            policy_kwargs=dict(self.architecture),
            seed=int(self.streams.sequence("sb3", 0).generate_state(1)[0] >> 1),
            device=self.device,
            **passed,
        )
        self.network = self.model.policy
        self.model.learn(interaction.budget.steps, log_interval=None)

    def _environments(self, interaction: Interaction) -> VecEnv:
        c = self.config
        envs = [interaction.make_env(0, rank) for rank in range(c.num_envs)]
        vector: VecEnv = DummyVecEnv([lambda env=env: env for env in envs])  # type: ignore[misc]
        if c.normalize_obs or c.normalize_reward:
            vector = VecNormalize(
                vector,
                True,
                c.normalize_obs,
                c.normalize_reward,
                c.clip_obs,
                c.clip_reward,
                getattr(c, "gamma", GAMMA),
                EPSILON,
            )
            self.statistics = vector.obs_rms if c.normalize_obs else None
        return vector

    # -- the policy: observations [1, E, …] → actions [1, E, …] ---------------------------------------------------
    def act(self, obs: Any) -> Any:
        return self.network.predict(self.seen(obs), deterministic=True)[0][None]

    def sampled(self, obs: Any, start: Any) -> Any:
        """Draw from the library's distribution, with numbers of the stream "evaluate" in place of torch's own."""
        network, stream = self.network, "evaluate"
        with torch.no_grad():
            seen = network.obs_to_tensor(self.seen(obs))[0]
            if hasattr(network, "actor"):  # sac, tqc
                mean, log_std, _ = network.actor.get_action_dist_params(seen)
                return network.unscale_action(np.tanh(self._normal(stream, mean, log_std.exp())))
            policy = network.get_distribution(seen).distribution
            if isinstance(policy, torch.distributions.Categorical):
                edges = policy.probs.cumsum(-1)[..., :-1].cpu().numpy()  # [E, A − 1]
                return (self.streams.uniform(stream, len(edges), 1) > edges).sum(-1)
            space: Any = self.task.action_space
            return np.clip(self._normal(stream, policy.mean, policy.stddev), space.low, space.high)

    def _normal(self, stream: str, mean: torch.Tensor, std: torch.Tensor) -> Any:
        drawn = mean.cpu().numpy() + std.cpu().numpy() * self.streams.normal(stream, *mean.shape)
        return drawn.reshape(1, -1, *(self.task.action_space.shape or ()))

    def seen(self, obs: Any) -> Any:
        """The observations [E, …] as the networks take them; the statistics stay as they are."""
        if self.statistics is None:
            return obs[0]
        scaled = (obs[0] - self.statistics.mean) / np.sqrt(self.statistics.var + EPSILON)
        return np.clip(scaled, -self.config.clip_obs, self.config.clip_obs).astype(np.float32)

    # -- what is kept ---------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        kept = {name: value[None].copy() for name, value in self.weights().items()}
        if self.statistics is not None:
            kept |= {"obs_rms.mean": self.statistics.mean[None].copy(), "obs_rms.var": self.statistics.var[None].copy()}
        return kept

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the policy back; it acts, and does not go on learning, so its learning rate is of no account."""
        arrays = {name: value[0] for name, value in state.items()}
        if self.config.normalize_obs:
            self.statistics = RunningMeanStd(shape=self.task.observation_space.shape or ())
            self.statistics.mean, self.statistics.var = arrays.pop("obs_rms.mean"), arrays.pop("obs_rms.var")
        self.rebuild(arrays)

    def weights(self) -> dict[str, Any]:
        """The numbers of the policy, as arrays with names."""
        return {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}

    def rebuild(self, arrays: Mapping[str, Any]) -> None:
        """Make the policy that has these numbers."""
        scheduled = "lr_schedule" in inspect.signature(self._class).parameters  # ars has no optimiser
        rate = {"lr_schedule": LinearSchedule(0.0, 0.0, 1.0)} if scheduled else {}
        spaces = self.task.observation_space, self.task.action_space
        self.network = self._class(*spaces, **rate, **self.architecture).to(self.device)
        self.network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
