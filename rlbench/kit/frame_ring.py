"""A ring buffer of one seed's frames, which grows if necessary, and the search for frames that are already stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.replay import unfilled

_COPIED = 1024  # a growing ring copies this many frames at a time, so that the copy takes little additional memory
Known = tuple[Array, Array]  # a stack [frames, size] and the numbers [frames] of its frames


class FrameRing:
    """A ring buffer of byte frames [size], which are numbered from 0. Frame k is in row k % rows.

    count: how many frames have been stored so far. oldest: a number such that all frames before it may be overwritten.
    """

    def __init__(self, rows: int, size: int, dtype: torch.dtype, device: str = "cpu") -> None:
        self.count, self.oldest, self._device = 0, 0, device
        self._take(unfilled(rows, size, dtype=dtype, device=device))

    def _take(self, frames: Tensor) -> None:
        self.frames, self.rows = frames, len(frames)
        # On a CPU, frames are written through a numpy view, which takes a fifth of the time of writing into a tensor.
        self._writable = frames.numpy() if self._device == "cpu" else None

    def missing(self, number: int) -> int:
        """Return how many rows are missing for `number` more frames; 0 or less: none is missing."""
        return self.count + number - self.oldest - self.rows

    def append(self, frames: Array) -> int:
        """Store frames [k, size], and return the first one's number. The caller ensures that `missing(k)` ≤ 0."""
        first, start = self.count, self.count % self.rows
        self.count += len(frames)
        rows: Any = slice(start, start + len(frames))
        if rows.stop > self.rows:
            rows = np.arange(first, self.count) % self.rows
        if self._writable is not None:
            self._writable[rows] = frames
        else:
            self.frames[rows] = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device)
        return first

    def gather(self, numbers: Tensor, out: Tensor) -> None:
        """Write the frames with these numbers [n] to `out` [n, size]."""
        torch.index_select(self.frames, 0, numbers % self.rows, out=out)

    def stack(self, numbers: Array) -> Array:
        """Return the frames with these numbers [frames] as an array [frames, size]."""
        return self.frames[torch.from_numpy(numbers % self.rows).to(self._device)].cpu().numpy()

    def stored(self) -> Tensor:
        """Return the rows that have been written, as a view."""
        return self.frames[: min(self.count, self.rows)]

    def load(self, rows: int, count: int, frames: Tensor) -> None:
        """Restore a ring with this many rows and this count. frames: what `stored` returned."""
        self._take(unfilled(rows, self.frames.shape[1], dtype=self.frames.dtype, device=self._device))
        self.count, self.oldest = count, max(count - rows, 0)
        self.stored().copy_(frames)

    def grow(self, rows: int) -> None:
        """Enlarge the ring to this many rows, and keep the frames from `oldest` on."""
        before = self.frames
        self._take(unfilled(rows, before.shape[1], dtype=before.dtype, device=self._device))
        for first in range(self.oldest, self.count, _COPIED):
            numbers = torch.arange(first, min(first + _COPIED, self.count), device=self._device)
            self.frames[numbers % rows] = before[numbers % len(before)]


class FrameNumbers:
    """Frame numbers for stacks: a frame that is already stored keeps its number, and others are collected in `new`.

    new: the frames that the caller has to store, in order. The first one's number is `count`. floor: smaller numbers
    are not reused. Within a stack, numbers never decrease.
    """

    def __init__(self, count: int, floor: int) -> None:
        self.new: list[Array] = []
        self._count, self._floor = count, floor

    def of(self, stack: Array, known: Sequence[Known]) -> Array:
        """Return the numbers [frames] of the frames of a stack [frames, size]. known: stacks that are stored.

        If a known stack is equal, return its numbers. If the stack follows a known stack by one frame, return the
        known stack's later numbers and a new number. Otherwise return new numbers. A frame that equals the one before
        it, as at the start of an episode, then gets the same number as that frame.
        """
        usable = [(held, numbers) for held, numbers in known if numbers[0] >= self._floor]
        for held, numbers in usable:
            if np.array_equal(stack, held):
                return numbers
        for held, numbers in usable:
            if np.array_equal(stack[:-1], held[1:]):
                return np.append(numbers[1:], self._store(stack[-1]))
        found = [self._store(stack[0])]
        for before, frame in zip(stack, stack[1:]):
            found.append(found[-1] if np.array_equal(before, frame) else self._store(frame))
        return np.array(found)

    def _store(self, frame: Array) -> int:
        self.new.append(frame)
        return self._count + len(self.new) - 1
