"""Parameters that several of the libraries' algorithms share, with the libraries' names and units.

An algorithm's Config adds its own parameters and overrides defaults. `arguments` returns the constructor arguments that
replace fields of the same names. Source: Raffin et al. 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from stable_baselines3.common.noise import ActionNoise, NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.utils import LinearSchedule

from rlbench import TaskInfo, setting
from rlbench.kit.schedules import parse_schedule

_TRAIN_FREQ = "steps of each environment between rounds of updates; [1, episode]: every episode, with n_envs 1"


def scheduled(value: float | str) -> Any:
    """Convert a setting for the library: "lin_3e-4" becomes a schedule from 3e-4 to 0; a number is unchanged."""
    start, shape = parse_schedule(value)
    return LinearSchedule(start, 0.0, 1.0) if shape == "linear" else start


@dataclass(frozen=True)
class Learner:
    """Parameters of the vector environment (DummyVecEnv and VecNormalize) and of every learner."""

    n_envs: int = setting(1, "environments", ge=1)
    normalize_obs: bool = setting(False, "normalise observations by their running mean and variance (norm_obs)")
    normalize_reward: bool = setting(False, "scale rewards by the running variance of returns (norm_reward)")
    clip_obs: float = setting(10.0, "maximum size of a normalised observation", gt=0)
    clip_reward: float = setting(10.0, "maximum size of a normalised reward", gt=0)
    net_arch: tuple[int, ...] = setting((64, 64), "units of the hidden layers of each network")
    activation_fn: Literal["relu", "tanh"] = setting("relu", "activation function of the hidden layers")
    learning_rate: float | str = setting(3e-4, "Adam's learning rate; lin_3e-4: falls to 0", gt=0, schedule=True)

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        return {"learning_rate": scheduled(self.learning_rate)}


@dataclass(frozen=True)
class OffPolicy(Learner):
    """Parameters of algorithms that learn from replay."""

    buffer_size: int = setting(1_000_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(100, "steps before the first update", ge=0)
    batch_size: int = setting(256, "transitions per update", ge=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    train_freq: int | tuple[int, Literal["step", "episode"]] = setting(1, _TRAIN_FREQ)
    gradient_steps: int = setting(1, "updates per round; -1: one for each step", ge=-1)
    n_steps: int = setting(1, "steps of the return in a target", ge=1)

    def __post_init__(self) -> None:
        count, unit = self.train_freq if isinstance(self.train_freq, tuple) else (self.train_freq, "step")
        if count < 1:
            raise ValueError(f"train_freq must be at least 1, got {count}")
        if unit == "episode" and self.n_envs > 1:
            raise ValueError(f"train_freq in episodes needs n_envs 1, got {self.n_envs}")
        if unit == "step":  # one spelling for equal settings
            object.__setattr__(self, "train_freq", count)


@dataclass(frozen=True)
class EpsilonGreedy(OffPolicy):
    """Parameters of algorithms that learn the values of discrete actions from replay."""

    batch_size: int = setting(32, "transitions per update", ge=1)
    train_freq: int | tuple[int, Literal["step", "episode"]] = setting(4, _TRAIN_FREQ)
    learning_rate: float | str = setting(1e-4, "Adam's learning rate; lin_1e-4: falls to 0", gt=0, schedule=True)
    tau: float = setting(1.0, "weight of the online network in each target update", gt=0, le=1)
    target_update_interval: int = setting(10_000, "steps between target updates", ge=1)
    exploration_fraction: float = setting(0.1, "share of the budget over which epsilon decays", ge=0, le=1)
    exploration_initial_eps: float = setting(1.0, "epsilon at step 0", ge=0, le=1)
    exploration_final_eps: float = setting(0.05, "epsilon after the decay", ge=0, le=1)


@dataclass(frozen=True)
class Continuous(OffPolicy):
    """Parameters for continuous actions and replay. The noise is in units of half the action range."""

    noise_type: Literal["none", "normal", "ornstein-uhlenbeck"] = setting("none", "exploration noise (action_noise)")
    noise_std: float = setting(0.1, "scale of the noise (sigma)", ge=0)
    noise_theta: float = setting(0.15, "Ornstein-Uhlenbeck's rate of return to 0 (theta)", ge=0)
    noise_dt: float = setting(0.01, "Ornstein-Uhlenbeck's time of one step (dt)", gt=0)

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        mean = np.zeros(task.action_space.shape or ())
        sigma = np.full_like(mean, self.noise_std)
        noise: ActionNoise | None = None
        if self.noise_type == "normal":
            noise = NormalActionNoise(mean, sigma)
        elif self.noise_type == "ornstein-uhlenbeck":
            noise = OrnsteinUhlenbeckActionNoise(mean, sigma, self.noise_theta, self.noise_dt)
        return super().arguments(task) | {"action_noise": noise}


@dataclass(frozen=True)
class Entropic(Continuous):
    """The parameters of Continuous, and those of an entropy bonus with a temperature that may be learned."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers of each network")
    ent_coef: float | str = setting("auto", "temperature; auto: learned, starts at 1; auto_0.1: starts at 0.1")
    target_entropy: float | Literal["auto"] = setting(
        "auto", "target of the policy's entropy; auto: minus the number of action dimensions"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "ent_coef", _temperature(self.ent_coef))


def _temperature(given: float | str) -> float | str:
    """Return one spelling for all equal settings. Raises: ValueError if it is not auto, auto_0.1 or a number."""
    if given == "auto":
        return "auto"
    text = str(given)
    try:
        number = float(text.removeprefix("auto_"))
    except ValueError:
        number = math.nan
    learned = text.startswith("auto_")
    if not (0 < number < math.inf if learned else 0 <= number < math.inf):
        raise ValueError(
            f"ent_coef must be auto, auto_0.1 (learned, starts at 0.1) or a number of at least 0, got {given!r}"
        )
    return f"auto_{number!r}" if learned else number


@dataclass(frozen=True)
class Truncated(Entropic):
    """The parameters of Entropic, and those of critics with quantiles. Targets leave out the largest quantiles."""

    n_quantiles: int = setting(25, "quantiles of each critic", ge=1)
    top_quantiles_to_drop_per_net: int = setting(2, "largest quantiles left out of a target, for each critic", ge=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top_quantiles_to_drop_per_net >= self.n_quantiles:
            raise ValueError(f"top_quantiles_to_drop_per_net must be below n_quantiles, {self.n_quantiles}")


@dataclass(frozen=True)
class OnPolicy(Learner):
    """Parameters of algorithms that learn from rollouts."""

    activation_fn: Literal["relu", "tanh"] = setting("tanh", "activation function of the hidden layers")
    ortho_init: bool = setting(True, "orthogonal initialisation")
    log_std_init: float = setting(0.0, "initial log standard deviation of continuous actions")
    n_steps: int = setting(2048, "steps of each environment per rollout", ge=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    gae_lambda: float = setting(0.95, "GAE's lambda", ge=0, le=1)
    normalize_advantage: bool = setting(True, "normalise the advantages of an update")


@dataclass(frozen=True)
class PolicyGradient(OnPolicy):
    """The parameters of OnPolicy, and those of a loss that combines policy, values and entropy."""

    ent_coef: float = setting(0.0, "weight of the entropy bonus", ge=0)
    vf_coef: float = setting(0.5, "weight of the value loss", ge=0)
    max_grad_norm: float = setting(0.5, "maximum norm of the gradient", gt=0)


@dataclass(frozen=True)
class Clipped(PolicyGradient):
    """The parameters of PolicyGradient, and those of several passes over a rollout with a clipped policy change."""

    batch_size: int = setting(64, "steps per minibatch", ge=2)
    n_epochs: int = setting(10, "passes over a rollout", ge=1)
    clip_range: float | str = setting(
        0.2, "maximum change of a probability ratio; lin_0.2: falls to 0", gt=0, schedule=True
    )

    def __post_init__(self) -> None:
        check_rollout(self.n_envs * self.n_steps)

    def arguments(self, task: TaskInfo) -> dict[str, Any]:
        return super().arguments(task) | {"clip_range": scheduled(self.clip_range)}


def check_rollout(steps: int) -> None:
    """Check the length of a rollout. Raises: ValueError for one step, whose advantage has no standard deviation."""
    if steps < 2:
        raise ValueError("a rollout needs n_envs · n_steps of at least 2 to normalise its advantages")
