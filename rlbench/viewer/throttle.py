"""A limit on how often work is repeated, so that it does not slow training on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 0.1  # largest share of the time that one kind of work takes


class Throttle:
    """Limits work to a share of the time, and to one start in `least` seconds.

    Work that took T seconds may start again T · (1 − share) / share seconds after its end: with a share of 0.1, 9 T.
    """

    def __init__(self, least: float, share: float = SHARE, clock: Callable[[], float] = time.monotonic) -> None:
        self._least, self._share, self._clock = least, share, clock
        self._began = self._next = float("-inf")

    def begin(self) -> None:
        self._began = self._clock()

    def end(self) -> None:
        now = self._clock()
        rest = (now - self._began) * (1 - self._share) / self._share
        self._next = max(now + rest, self._began + self._least)

    def wait(self, hurried: bool = False) -> float:
        """Return the seconds until the work may start again, 0 for at once. hurried: ignore the share it has taken."""
        return max(0.0, (self._began + self._least if hurried else self._next) - self._clock())
