"""Multi-step transitions for replay, built from single steps: one per environment and step, [S, N, …].

A truncated transition bootstraps from its true successor; a terminated transition does not bootstrap. Sources: Sutton
1988; with replay as in Hessel et al. 2018, "Rainbow", arXiv:1710.02298.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from rlbench.api import Array, Transition
from rlbench.kit.per_seed import Number, array_of
from rlbench.kit.replay import Field, clipped_reward


class NStep:
    """A window with the last `steps` transitions of every environment, from which multi-step transitions are built.

    The transition that begins at a step is returned `steps` − 1 steps later. If an episode ends within the window, the
    transition ends there and is shorter. So every step begins exactly one transition, and shapes never change. The
    transitions that begin in the last `steps` − 1 steps of a run are never returned. With steps = 1, each transition is
    one step. clip_reward: see `clipped_reward`.
    """

    def __init__(
        self,
        num_seeds: int,
        num_envs: int,
        steps: int,
        gamma: Number,
        obs: int | Field,
        action: Field,
        clip_reward: float | None = None,
    ) -> None:
        self._clip = clip_reward
        self.steps, self.count, self._gamma = steps, 0, array_of(gamma, 2)
        flag, number, obs = Field(dtype=torch.bool), Field(), Field((obs,)) if isinstance(obs, int) else obs
        fields = {"obs": obs, "action": action, "reward": number, "next_obs": obs, "terminated": flag, "cut": flag}
        self._window = {
            name: torch.zeros(num_seeds, steps, num_envs, *f.shape, dtype=f.dtype).numpy() for name, f in fields.items()
        }

    def add(self, t: Transition) -> dict[str, Array] | None:
        """Add one step of every environment [S, N, …], with observations of any shape.

        Returns: obs [S, N, obs_size], action, reward Σ_k γᵏ r_k, next_obs (the true successor of the last step used),
            and discount γᵐ · (1 − terminated), where m counts the steps used: `steps`, or fewer if the episode ends.
            The first `steps` − 1 calls return None.
        """
        w, at = self._window, self.count % self.steps
        for name in ("obs", "action", "next_obs", "terminated"):
            w[name][:, at] = getattr(t, name).reshape(w[name][:, at].shape)
        w["reward"][:, at] = clipped_reward(t.reward, self._clip)
        w["cut"][:, at] = t.terminated | t.truncated
        self.count += 1
        return self._oldest() if self.count >= self.steps else None

    def _oldest(self) -> dict[str, Array]:
        """Build the transition that begins at the oldest step of the window."""
        w, first = self._window, self.count % self.steps
        reward, discount = np.zeros_like(w["reward"][:, 0]), np.ones_like(w["reward"][:, 0])
        next_obs, is_open = np.zeros_like(w["next_obs"][:, 0]), np.ones_like(w["cut"][:, 0])
        for k in range(self.steps):
            i = (first + k) % self.steps
            reward += np.where(is_open, discount * w["reward"][:, i], 0)
            discount = np.where(is_open, discount * self._gamma * ~w["terminated"][:, i], discount)
            next_obs = np.where(is_open[..., None], w["next_obs"][:, i], next_obs)
            is_open = is_open & ~w["cut"][:, i]
        obs, action = w["obs"][:, first].copy(), w["action"][:, first].copy()
        return {"obs": obs, "action": action, "reward": reward, "next_obs": next_obs, "discount": discount}

    def state(self) -> dict[str, Any]:
        return {**self._window, "count": self.count}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]
        for name, array in self._window.items():
            array[...] = np.asarray(state[name])
