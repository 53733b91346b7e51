"""Running normalisation of observations and rewards, separate for each seed, in numpy and float64.

It follows Stable-Baselines3's VecNormalize, without the prior of 10⁻⁴ samples there. Only training updates the
statistics; evaluation reads them. The statistics of an inactive seed do not change. Sources: Chan, Golub & LeVeque 1979
(merging moments); Huang et al. 2022, details 5 to 9 of continuous actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlbench.api import Array
from rlbench.kit.per_seed import Number, array_of
from rlbench.kit.replay import Field, clipped_reward

LIMIT = 10.0
_EPS = 1e-8


class Moments:
    """The mean and variance [S, D] of all samples that each seed has seen. count: the number of samples [S]."""

    def __init__(self, num_seeds: int, size: int) -> None:
        self.count = np.zeros(num_seeds)
        self.mean, self._squares = np.zeros((num_seeds, size)), np.zeros((num_seeds, size))

    @property
    def variance(self) -> Array:
        """The population variance [S, D]: the mean squared deviation from the mean. It is 1 before the first sample."""
        count = self.count[:, None]
        return np.where(count > 0, self._squares / np.maximum(count, 1), 1.0)

    def update(self, samples: Array, active: Array) -> None:
        """Add samples [S, N, D] of the seeds in `active` [S] bool.

        M ← M + M_new + δ²·n·n_new/(n + n_new), where δ is the difference of the means and M is the sum of squared
        deviations.
        """
        rows = np.ascontiguousarray(np.swapaxes(samples, 1, 2), dtype=np.float64)  # [S, D, N]: sums over the last axis
        new, old = rows.shape[-1], self.count[:, None]
        mean = rows.sum(-1) / new  # [S, D]
        deviations = rows - mean[..., None]
        delta, on = mean - self.mean, active[:, None]
        squares = self._squares + (deviations * deviations).sum(-1) + delta * delta * (old * new / (old + new))
        self.mean[...] = np.where(on, self.mean + delta * (new / (old + new)), self.mean)
        self._squares[...] = np.where(on, squares, self._squares)
        self.count += np.where(active, new, 0)

    def state(self) -> dict[str, Array]:
        return {"count": self.count, "mean": self.mean, "squares": self._squares}

    def load_state(self, state: Mapping[str, Any]) -> None:
        for name, array in self.state().items():
            array[...] = np.asarray(state[name])


class ObsNormalizer:
    """A normaliser that flattens observations and scales them to mean 0 and variance 1 over training, clipped to ±10.

    on: if false, observations are only flattened, and images stay bytes. obs: the field of flat observations, or their
    length if they are floats. masked: how many numbers at the end of an observation are an action mask, which is not
    normalised.

    In each step, first call `update` with the observation to act on. Then act on the normalised observation. Then
    normalise the successor with the same statistics, which do not contain the successor yet. So the last observation of
    an episode does not enter the statistics, because no action follows it.
    """

    def __init__(self, num_seeds: int, obs: int | Field, on: bool, masked: int = 0) -> None:
        if on and not isinstance(obs, int) and not obs.dtype.is_floating_point:
            raise ValueError("normalize_obs is for vectors; images are scaled to 0 … 1 anyway, so leave it out")
        size = obs if isinstance(obs, int) else obs.shape[0]
        self.on, self._size = on, size - masked
        self._moments = Moments(num_seeds, self._size)

    def update(self, obs: Array, active: Array) -> None:
        """Add the observations to act on next [S, N, *obs], for the seeds in `active` [S] bool."""
        if self.on:
            self._moments.update(obs.reshape(*obs.shape[:2], -1)[..., : self._size], active)

    def __call__(self, obs: Array) -> Array:
        """Return normalised observations: [S, N, *obs] → float32 [S, N, size]. Images stay bytes.

        The statistics are not updated.
        """
        flat = obs.reshape(*obs.shape[:2], -1)
        if flat.dtype == np.uint8:
            return flat
        if self.on:
            scale = np.sqrt(self._moments.variance + _EPS)
            state, mask = flat[..., : self._size], flat[..., self._size :]
            flat = np.clip((state - self._moments.mean[:, None]) / scale[:, None], -LIMIT, LIMIT)
            flat = np.concatenate([flat, mask], -1) if mask.shape[-1] else flat
        return flat.astype(np.float32, copy=False)

    def state(self) -> dict[str, Array]:
        return self._moments.state() if self.on else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if self.on:
            self._moments.load_state(state)


class RewardNormalizer:
    """A normaliser that divides rewards by the standard deviation of the discounted return, and clips them to ±10.

    The mean is not subtracted. An environment's return starts each episode at 0, and is R ← γR + r at every step.
    on: if false, rewards are not normalised. clip: first limit rewards to ± this number; None: no limit.
    """

    def __init__(self, num_seeds: int, num_envs: int, gamma: Number, on: bool, clip: float | None = None) -> None:
        self.on, self._gamma, self._moments, self._clip = (
            on,
            array_of(gamma, 2, np.float64),
            Moments(num_seeds, 1),
            clip,
        )
        self._returns = np.zeros((num_seeds, num_envs))

    def __call__(self, reward: Array, cut: Array, active: Array) -> Array:
        """Add rewards [S, N] to the statistics, then normalise them: float32 [S, N].

        cut [S, N] bool: the episode ended with this step, by termination or truncation. active [S] bool: the seeds
        whose statistics change.
        """
        reward = clipped_reward(reward, self._clip)
        if not self.on:
            return reward
        returns = self._gamma * self._returns + reward
        self._moments.update(returns[..., None], active)
        self._returns[...] = np.where(active[:, None], np.where(cut, 0.0, returns), self._returns)
        scaled = reward / np.sqrt(self._moments.variance + _EPS)
        return np.clip(scaled, -LIMIT, LIMIT).astype(np.float32)

    def state(self) -> dict[str, Array]:
        return {**self._moments.state(), "returns": self._returns} if self.on else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if self.on:
            self._moments.load_state(state)
            self._returns[...] = np.asarray(state["returns"])
