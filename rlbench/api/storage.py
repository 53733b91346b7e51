"""What algorithms store of the past, from which a plan knows how much memory a run takes before it begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Storage:
    """A replay, or a rollout, of one seed.

    rows: the transitions or steps that it has room for.
    up_to_budget: it has no room for more than the steps of a run.
    observations, actions: how many of each a row holds. An observation takes four bytes for each number, or one if it
    is an image; a discrete action takes eight, a continuous one four for each number.
    numbers: the float32 numbers that a row holds besides, such as rewards. flags: likewise bool.
    agent_numbers, agent_flags: how many of these it holds for each agent.
    other_bytes: what a row takes besides.
    frames_once: observations that are stacks of frames are stored frame by frame (`rlbench.kit.replay_for`).
    """

    rows: int
    up_to_budget: bool = True
    observations: int = 2
    actions: int = 1
    numbers: int = 2
    flags: int = 0
    agent_numbers: int = 0
    agent_flags: int = 0
    other_bytes: float = 0.0
    frames_once: bool = False

    def size(self, observation_space: Any, action_space: Any, steps: int) -> int:
        """Return the bytes that it takes. The spaces are those that the algorithm is given; steps: of one seed."""
        rows = min(self.rows, steps) if self.up_to_budget else self.rows
        layout = getattr(observation_space, "layout", None)
        agents = 1 if layout is None else layout.count
        row = 4 * self.numbers + self.flags + agents * (4 * self.agent_numbers + self.agent_flags) + self.other_bytes
        row += self.actions * _action_bytes(action_space)
        shape = getattr(observation_space, "shape", None) or ()
        image = len(shape) == 3 and getattr(observation_space, "dtype", None) == "uint8"
        observation = math.prod(shape) * (1 if image else 4)
        frames = getattr(observation_space, "frames", 1) if self.frames_once and image else 1
        if frames > 1:  # the numbers of frames instead of the frames
            return round(rows * (row + 8 * frames * self.observations) + frame_rows(rows) * observation / frames)
        return round(rows * (row + observation * self.observations))


def _action_bytes(space: Any) -> int:
    shape = getattr(space, "shape", None) or ()
    kind = getattr(getattr(space, "dtype", None), "kind", "i")
    return math.prod(shape) * (4 if kind == "f" else 8)


def frame_rows(capacity: int) -> int:
    """Return the number of frames for which a replay of so many stacks of frames takes memory at first.

    It is enough for episodes of eight steps on average, whose first stack adds a frame to those of the steps.
    """
    return capacity + capacity // 8 + 128


def total_size(storage: Sequence[Storage], observation_space: Any, action_space: Any, steps: int) -> int:
    """Return the bytes that several storages of one seed take together."""
    return sum(part.size(observation_space, action_space, steps) for part in storage)


def storage_of_replay(config: Any) -> tuple[Storage, ...]:
    """Return a replay of `buffer_size` transitions, for use as `AlgorithmSpec.storage`. config: has this field."""
    return (Storage(config.buffer_size),)


def storage_of_rollout(config: Any, **besides: Any) -> tuple[Storage, ...]:
    """Return a rollout of `n_steps` steps of `n_envs` environments. besides: fields of `Storage`."""
    return (Storage(config.n_envs * config.n_steps, up_to_budget=False, **besides),)


def storage_of_frames(config: Any) -> tuple[Storage, ...]:
    """Return the same for a replay that stores each frame of a stack once."""
    return (Storage(config.buffer_size, frames_once=True),)
