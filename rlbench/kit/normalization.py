"""Running normalisation of observations and rewards, for each seed apart, at the numpy boundary and in float64.

Sources: Chan, Golub & LeVeque 1979 (merging moments); Huang et al. 2022, details 5 to 9 of continuous actions; the rules
are those of Stable-Baselines3's VecNormalize, less its prior of 10⁻⁴ samples. Statistics move in training alone:
evaluation reads them. A seed that is not active keeps its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlbench.api import Array

LIMIT = 10.0
_EPS = 1e-8


class Moments:
    """Mean and variance [S, D] over all samples that each seed has seen. count: how many [S]."""

    def __init__(self, num_seeds: int, size: int) -> None:
        self.count = np.zeros(num_seeds)
        self.mean, self._squares = np.zeros((num_seeds, size)), np.zeros((num_seeds, size))

    @property
    def variance(self) -> Array:
        """Of the samples themselves (divided by their number), [S, D]; 1 before the first."""
        count = self.count[:, None]
        return np.where(count > 0, self._squares / np.maximum(count, 1), 1.0)

    def update(self, samples: Array, active: Array) -> None:
        """Take in samples [S, N, D] of the seeds in `active` [S] bool.

        M ← M + M_new + δ²·n·n_new/(n + n_new), with δ the difference of the means and M sums of squared deviations.
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
        for name, kept in self.state().items():
            kept[...] = np.asarray(state[name])


class ObsNormalizer:
    """Flat observations with mean 0 and variance 1 by what each seed has seen in training, clipped to ±10.

    on: otherwise they are made flat and nothing else. The order of a step is: `update` by the observation acted on; act on
    its normalised form; normalise the successor by the same statistics, which do not hold it yet. So a last observation,
    which is never acted on, enters no statistics.
    """

    def __init__(self, num_seeds: int, size: int, on: bool) -> None:
        self.on, self._moments = on, Moments(num_seeds, size)

    def update(self, obs: Array, active: Array) -> None:
        """Take in what is acted on next [S, N, *obs], for the seeds in `active` [S] bool."""
        if self.on:
            self._moments.update(obs.reshape(*obs.shape[:2], -1), active)

    def __call__(self, obs: Array) -> Array:
        """[S, N, *obs] → float32 [S, N, size]; the statistics stay."""
        flat = obs.reshape(*obs.shape[:2], -1)
        if self.on:
            scale = np.sqrt(self._moments.variance + _EPS)
            flat = np.clip((flat - self._moments.mean[:, None]) / scale[:, None], -LIMIT, LIMIT)
        return flat.astype(np.float32, copy=False)

    def state(self) -> dict[str, Array]:
        return self._moments.state() if self.on else {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if self.on:
            self._moments.load_state(state)


class RewardNormalizer:
    """Rewards divided by the standard deviation of the discounted return so far, clipped to ±10; their mean stays.

    The return of an environment is R ← γR + r, at every step, from 0 at each episode's first. on: otherwise rewards pass.
    """

    def __init__(self, num_seeds: int, num_envs: int, gamma: float, on: bool) -> None:
        self.on, self._gamma, self._moments = on, gamma, Moments(num_seeds, 1)
        self._returns = np.zeros((num_seeds, num_envs))

    def __call__(self, reward: Array, cut: Array, active: Array) -> Array:
        """Take in rewards [S, N] and normalise them by statistics that hold them: float32 [S, N].

        cut [S, N] bool: the episode ended with this step, however it did. active [S] bool: others keep their statistics.
        """
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
