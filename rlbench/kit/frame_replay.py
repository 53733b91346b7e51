"""Replay of observations that are stacks of frames, where each frame is stored once.

A stack and its successor share all frames but one: the oldest is dropped and a new one is added. So a transition adds
one frame instead of two stacks. The frames of a seed are numbered in the order of storage, and a transition contains
the numbers of its frames. A frame's number is reused only if all bytes of the frame are equal. So samples always equal
what was added. If an environment's stacks do not move by one frame, the replay only takes more memory.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rlbench.api import Array, frame_rows
from rlbench.kit.frame_ring import FrameNumbers, FrameRing, Known
from rlbench.kit.replay import Field, Replay

STACKS = ("obs", "next_obs")


def replay_for(num_seeds: int, capacity: int, device: str, fields: Mapping[str, Field], n_step: int = 1) -> Replay:
    """Return a replay with these fields. If "obs" and "next_obs" are stacks of frames, it stores each frame once.

    n_step: the number of steps of a transition (see `NStep`): its successor is usually the observation of the
    transition that is added `n_step` transitions later.
    """
    if any(field.frames > 1 for field in fields.values()):
        return FrameReplay(num_seeds, capacity, device, n_step=n_step, **fields)
    return Replay(num_seeds, capacity, device, **fields)


class FrameReplay(Replay):
    """A `Replay` whose fields "obs" and "next_obs" are stacks of frames: bytes [frames · size], the newest frame last.

    It allocates memory for `frame_rows(capacity)` frames of each seed, and more for a seed that needs more, such as a
    seed with very short episodes.

    Raises: ValueError if an observation cannot be divided into frames of equal size.
    """

    def __init__(self, num_seeds: int, capacity: int, device: str = "cpu", *, n_step: int = 1, **fields: Field) -> None:
        stack = fields["obs"]
        self.frames, length = stack.frames, math.prod(stack.shape)
        self._size, rest = divmod(length, self.frames)
        if rest:
            raise ValueError(f"observations of {length} numbers cannot be split into {self.frames} frames of one size")
        numbers = Field((self.frames,), torch.int64)
        super().__init__(num_seeds, capacity, device, **{**fields, **dict.fromkeys(STACKS, numbers)})
        self._device, self._n_step = device, n_step
        self._rings = [FrameRing(frame_rows(capacity), self._size, stack.dtype, device) for _ in range(num_seeds)]
        # The last successors [S, N, frames · size] with the numbers of their frames [S, N, frames], the oldest first.
        self._recent: deque[Known] | None = deque()
        # When a transition is added, all its frames are less than `span` numbers older than the newest frame. A step
        # adds at most two stacks for each environment. Without a check of its age, a frame stays in use for at most
        # `frames` + n_step steps. With a check, it is used again only if it is at most half of `span` old.
        self._lanes = self._span = 0

    # -- adding --------------------------------------------------------------------------------------------------
    def add(self, **transition: Array) -> None:
        """Append N transitions of every seed: one array [S, N, …] per field."""
        obs, successors = (np.ascontiguousarray(transition[name]) for name in STACKS)
        if obs.shape[1] != self._lanes:
            self._begin(obs.shape[1])
        recent = self._successors()
        numbers = self._numbers(obs, successors, recent)
        super().add(**{**transition, **dict(zip(STACKS, numbers))})
        copy = recent.popleft()[0] if len(recent) == self._n_step else np.empty(successors.shape, successors.dtype)
        np.copyto(copy, successors)  # the caller may write to its array
        recent.append((copy, numbers[1]))

    def _numbers(self, obs: Array, successors: Array, recent: deque[Known]) -> tuple[Array, Array]:
        """Store the new frames of N transitions, and return the frame numbers of `obs` and `successors` [S, N, frames].

        A seed is in its usual state if each `obs` is the successor that was added `n_step` transitions ago, and each
        new successor follows the one before it by one frame. In another state, frames are compared with known stacks.
        """
        lanes, size, n_step = obs.shape[1], self._size, self._n_step
        following = np.empty((*obs.shape[:2], self.frames), np.int64)
        numbers, usual = following, [False] * len(self._rings)
        if len(recent) == n_step:
            moved = obs if n_step == 1 else recent[-1][0]
            usual = _equal(obs, recent[0][0], successors[..., :-size], moved[..., size:])
            numbers, following[..., :-1] = recent[0][1], recent[-1][1][..., 1:]
        if not all(usual):
            numbers = numbers.copy()
        for s, ring in enumerate(self._rings):
            if usual[s]:
                if ring.missing(lanes) > 0:
                    self._make_room(s, lanes)
                first = ring.append(successors[s, :, -size:])
                following[s, :, -1] = first if lanes == 1 else range(first, first + lanes)
                continue
            given = FrameNumbers(ring.count, ring.count - self._span // 2)
            for n in range(lanes):
                stack, successor = (x[s, n].reshape(self.frames, size) for x in (obs, successors))
                known = [(held[s, n].reshape(self.frames, size), of[s, n]) for held, of in recent]
                numbers[s, n] = given.of(stack, [*known[:1], *self._observed(s, n)])
                following[s, n] = given.of(successor, [(stack, numbers[s, n]), *known[-1:]])
            if given.new:
                if ring.missing(len(given.new)) > 0:
                    self._make_room(s, len(given.new))
                ring.append(np.stack(given.new))
        return numbers, following

    def _begin(self, lanes: int) -> None:
        """Set the number of environments at the first step. Raises: ValueError if it changes later."""
        if self._lanes:
            raise ValueError(f"transitions of {lanes} environments after those of {self._lanes}: add all at each step")
        self._lanes, self._span = lanes, 4 * self.frames * lanes * (self.frames + self._n_step)

    def _successors(self) -> deque[Known]:
        """Return the last successors and the numbers of their frames. After a restart, read both from the replay."""
        if self._recent is None:
            self._recent = deque()
            for age in range(min(self._n_step, self.size // self._lanes), 0, -1):
                slots = (self.position - age * self._lanes + np.arange(self._lanes)) % self.capacity
                numbers = self._fields["next_obs"][:, slots].cpu().numpy()
                held = np.stack([[ring.stack(row) for row in rows] for ring, rows in zip(self._rings, numbers)])
                self._recent.append((held.reshape(*numbers.shape[:2], -1), numbers))
        return self._recent

    def _observed(self, seed: int, lane: int) -> list[Known]:
        """Return the last observation of a lane with its frame numbers, if transitions have several steps.

        The next observation then follows it by one frame. With n_step = 1, the list is empty.
        """
        if self._n_step == 1 or self.size < self._lanes:
            return []
        slot = (self.position - self._lanes + lane) % self.capacity
        numbers = self._fields["obs"][seed, slot].cpu().numpy()
        return [(self._rings[seed].stack(numbers), numbers)]

    def _make_room(self, seed: int, number: int) -> None:
        """Find the oldest frame of a seed that is still needed. If `number` new frames do not fit, allocate memory.

        The oldest transition that stays bounds the age of its own frames and of those of all later transitions.
        """
        ring, staying = self._rings[seed], min(self.size, self.capacity - self._lanes)
        newest = ring.count
        if staying > 0:
            newest = int(self._fields["next_obs"][seed, (self.position - staying) % self.capacity, -1])
        ring.oldest = max(newest + 1 - self._span, ring.oldest)
        if ring.missing(number) > 0:
            ring.grow(max(ring.rows + ring.missing(number), ring.rows + ring.rows // 4))

    # -- reading -------------------------------------------------------------------------------------------------
    def sample(self, index: Tensor) -> dict[str, Tensor]:
        """Return the transitions at `index` [S, B], each in [0, size): every field as [S, B, …]."""
        batch = super().sample(index)
        return {name: self._stacks(field) if name in STACKS else field for name, field in batch.items()}

    def stored(self, name: str) -> Tensor:
        """Return a field of all stored transitions [S, size, …], in no particular order. Stacks are copies."""
        field = super().stored(name)
        return self._stacks(field) if name in STACKS else field

    def _stacks(self, numbers: Tensor) -> Tensor:
        """Return the stacks [S, B, frames · size] of frames with these numbers [S, B, frames]."""
        seeds, count, frames = numbers.shape
        stacks = torch.empty(seeds, count * frames, self._size, dtype=self._rings[0].frames.dtype, device=self._device)
        for ring, of_seed, out in zip(self._rings, numbers.flatten(1), stacks):
            ring.gather(of_seed, out)
        return stacks.view(seeds, count, -1)

    # -- saving --------------------------------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """Return the state for `load_state`. "frames" is a list of S tensors, whose numbers of frames may differ."""
        rows, count = (np.array([getattr(ring, name) for ring in self._rings]) for name in ("rows", "count"))
        return {**super().state(), "frames": [ring.stored() for ring in self._rings], "rows": rows, "count": count}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        for ring, rows, count, frames in zip(self._rings, state["rows"], state["count"], state["frames"]):
            ring.load(int(rows), int(count), frames)
        self._recent = None


def _equal(*pairs: Array) -> list[bool]:
    """Return for each seed whether byte arrays [S, …] are equal: the first and second, and the third and fourth."""
    seeds = len(pairs[0])
    if pairs[0].shape[-1] % 8 == 0 == pairs[2].shape[-1] % 8:  # compare eight bytes at a time
        pairs = tuple(x.view(np.uint64) for x in pairs)
    same = [a == b for a, b in zip(pairs[::2], pairs[1::2])]
    if all(x.all() for x in same):
        return [True] * seeds
    return [all(x[s].all() for x in same) for s in range(seeds)]
