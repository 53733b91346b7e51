"""The memory of an algorithm's replay or rollout, computed before a run begins, for use in planning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Storage:
    """The layout of one seed's replay or rollout.

    rows: its capacity in transitions or steps.
    up_to_budget: whether the capacity is at most the number of steps of a run.
    observations, actions: how many of each a row contains. Each number of an observation takes four bytes, or one byte
    in an image. Each number of an action takes four bytes if it is continuous, eight if it is discrete.
    numbers: how many other float32 numbers a row contains, such as rewards. flags: how many booleans a row contains.
    agent_numbers, agent_flags: how many float32 numbers and booleans a row contains for each agent.
    other_bytes: the bytes of everything else in a row.
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
        """Return the bytes of the storage. The spaces are those in the algorithm's TaskInfo. steps: of one seed."""
        rows = min(self.rows, steps) if self.up_to_budget else self.rows
        layout = getattr(observation_space, "layout", None)
        agents = 1 if layout is None else layout.count
        row = 4 * self.numbers + self.flags + agents * (4 * self.agent_numbers + self.agent_flags) + self.other_bytes
        row += self.actions * _action_bytes(action_space)
        shape = getattr(observation_space, "shape", None) or ()
        image = len(shape) == 3 and getattr(observation_space, "dtype", None) == "uint8"
        observation = math.prod(shape) * (1 if image else 4)
        frames = getattr(observation_space, "frames", 1) if self.frames_once and image else 1
        if frames > 1:  # a row contains the indices of frames instead of the frames
            return round(rows * (row + 8 * frames * self.observations) + frame_rows(rows) * observation / frames)
        return round(rows * (row + observation * self.observations))


def _action_bytes(space: Any) -> int:
    shape = getattr(space, "shape", None) or ()
    kind = getattr(getattr(space, "dtype", None), "kind", "i")
    return math.prod(shape) * (4 if kind == "f" else 8)


def frame_rows(capacity: int) -> int:
    """Return the number of frames that a replay first allocates. capacity: its stacks of frames.

    A step adds one frame, and the start of an episode adds one more. So the frames suffice for episodes of at least
    eight steps on average.
    """
    return capacity + capacity // 8 + 128


def total_size(storage: Sequence[Storage], observation_space: Any, action_space: Any, steps: int) -> int:
    """Return the bytes that several storages of one seed take together."""
    return sum(part.size(observation_space, action_space, steps) for part in storage)


def storage_of_replay(config: Any) -> tuple[Storage, ...]:
    """Return a replay of `config.buffer_size` transitions, for use as `AlgorithmSpec.storage`."""
    return (Storage(config.buffer_size),)


def storage_of_rollout(config: Any, **besides: Any) -> tuple[Storage, ...]:
    """Return a rollout of `config.n_steps` steps in each of `config.n_envs` environments.

    besides: further fields of `Storage`.
    """
    return (Storage(config.n_envs * config.n_steps, up_to_budget=False, **besides),)


def storage_of_frames(config: Any) -> tuple[Storage, ...]:
    """Return a replay of `config.buffer_size` transitions that stores each frame of a stack once."""
    return (Storage(config.buffer_size, frames_once=True),)
