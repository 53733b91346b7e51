"""Exploration noise for normalised actions: none, Gaussian, or Ornstein-Uhlenbeck.

Sources: Uhlenbeck & Ornstein 1930; Lillicrap et al. 2016, arXiv:1509.02971, appendix 7; Gaussian: Fujimoto et al. 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from rlbench.api import Array

NoiseKind = Literal["none", "normal", "ornstein-uhlenbeck"]


class ActionNoise:
    """Noise x [S, N, A] that is 0 at the start of each episode.

    "ornstein-uhlenbeck": x ← (1 − θ·dt)·x + σ·√dt·ε; "normal": x = σ·ε; "none": x = 0.

    The stationary variance of Ornstein-Uhlenbeck noise is σ²dt / (1 − (1 − θ·dt)²), which is σ²/2θ for a small dt. Its
    correlation at lag k is (1 − θ·dt)ᵏ. With θ = 0.15, the correlation decays within 7 steps if dt = 1 and within 670
    steps if dt = 0.01. In the second case, the noise has the same sign for most of an episode.
    """

    def __init__(
        self, kind: NoiseKind, shape: tuple[int, int, int], sigma: float, theta: float = 0.15, dt: float = 1.0
    ) -> None:
        if kind == "ornstein-uhlenbeck" and not 0 <= theta * dt < 2:
            raise ValueError(f"theta · dt is {theta * dt}; outside [0, 2) Ornstein-Uhlenbeck noise grows exponentially")
        self.value = np.zeros(shape, np.float32)
        self._keep, self._scale = {
            "none": (0.0, 0.0),
            "normal": (0.0, sigma),
            "ornstein-uhlenbeck": (1 - theta * dt, sigma * dt**0.5),
        }[kind]

    def next(self, normal: Array, active: Array) -> Array:
        """Advance by one step with standard normal draws [S, N, A], and return the noise [S, N, A].

        active: [S] bool. The noise of other seeds does not change.
        """
        moved = self._keep * self.value + self._scale * normal
        self.value = np.where(active[:, None, None], moved, self.value)
        return self.value.copy()

    def restart(self, ended: Array) -> None:
        """Reset the noise of environments whose episode ended [S, N] to 0."""
        self.value[ended] = 0

    def state(self) -> dict[str, Any]:
        return {"value": self.value}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.value[...] = np.asarray(state["value"])
