"""Observations without some of their numbers, for tasks that need a memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from rlbench.api import Array


class PartialObservation(gymnasium.ObservationWrapper[Array, Any, Any]):
    """Show only some numbers of a vector. For example, `keep: [0, 2]` shows CartPole without velocities.

    keep: the indices of the shown numbers, from 0, in the order in which they are shown. Raises: ValueError if
    observations are not vectors, if `keep` is empty, or if an index is out of range or occurs twice.
    """

    def __init__(self, env: gymnasium.Env[Array, Any], keep: Sequence[int]) -> None:
        super().__init__(env)
        space, places = env.observation_space, list(keep)
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"PartialObservation needs observations that are vectors, not {space}")
        known = [type(place) is int and 0 <= place < space.shape[0] for place in places]
        if not places or not all(known) or len(set(places)) < len(places):
            raise ValueError(f"keep should list different places from 0 to {space.shape[0] - 1}, got {places}")
        self._places = np.array(places)
        self.observation_space = spaces.Box(space.low[places], space.high[places], dtype=space.dtype.type)

    def observation(self, observation: Array) -> Array:
        return np.asarray(np.asarray(observation)[self._places])
