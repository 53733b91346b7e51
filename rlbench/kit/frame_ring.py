"""A ring buffer of one seed's frames, which grows if it has to, and the indices of the frames of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rlbench.api import Array
from rlbench.kit.replay import unfilled

_COPIED = 1024  # frames at a time when a ring grows, so that a copy takes little memory of its own
Known = tuple[Array, Array]  # a stack [frames, size] and the numbers [frames] of its frames


class FrameRing:
    """Frames [size] of bytes, numbered from 0. Frame k is in row k % rows.

    count: frames stored so far. oldest: the number of the oldest frame that has to be kept, as far as is known.
    """

    def __init__(self, rows: int, size: int, dtype: torch.dtype, device: str = "cpu") -> None:
        self.count, self.oldest, self._device = 0, 0, device
        self._take(unfilled(rows, size, dtype=dtype, device=device))

    def _take(self, frames: Tensor) -> None:
        self.frames, self.rows = frames, len(frames)
        # On a CPU, frames are written through a numpy view: that costs a fifth of writing into a tensor.
        self._writable = frames.numpy() if self._device == "cpu" else None

    def missing(self, number: int) -> int:
        """Return how many rows are missing for so many more frames; at most 0: none."""
        return self.count + number - self.oldest - self.rows

    def append(self, frames: Array) -> int:
        """Store frames [k, size], and return the number of the first. The caller sees to it that none is missing."""
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
        """Restore a ring of so many rows. frames: what `stored` returned."""
        self._take(unfilled(rows, self.frames.shape[1], dtype=self.frames.dtype, device=self._device))
        self.count, self.oldest = count, max(count - rows, 0)
        self.stored().copy_(frames)

    def grow(self, rows: int) -> None:
        """Move the frames that have to be kept to a ring of so many rows."""
        before = self.frames
        self._take(unfilled(rows, before.shape[1], dtype=before.dtype, device=self._device))
        for first in range(self.oldest, self.count, _COPIED):
            numbers = torch.arange(first, min(first + _COPIED, self.count), device=self._device)
            self.frames[numbers % rows] = before[numbers % len(before)]


class FrameNumbers:
    """Numbers for the frames of some stacks, of which those that are not known yet are to be stored.

    new: the frames to store, the first of which gets the number `count`. floor: smaller numbers are not used again.
    In a stack, numbers never fall.
    """

    def __init__(self, count: int, floor: int) -> None:
        self.new: list[Array] = []
        self._count, self._floor = count, floor

    def of(self, stack: Array, known: Sequence[Known]) -> Array:
        """Return the numbers of a stack's frames [frames, size].

        They are those of a known stack that is equal; else, if the stack follows a known one by one frame, those of its
        later frames and a new one; else all are new. A frame that equals the one before it, as where an episode begins,
        gets the same number.
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
