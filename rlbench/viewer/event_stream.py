"""A stream of named values for open pages: any number of listeners wait for the newest value of each name."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

MOST_LISTENERS = 64


class TooManyListeners(Exception):
    """MOST_LISTENERS pages are open already."""


class EventStream:
    """The newest value of each name. A slow listener misses values in between, never the newest."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._values: dict[str, tuple[int, str]] = {}  # version and value
        self._version = 0
        self._closed = False
        self._listeners = 0

    def publish(self, name: str, value: str) -> None:
        """Set the value of a name, and wake the listeners if the value has changed."""
        with self._changed:
            if self._values.get(name, (0, None))[1] != value:
                self._version += 1
                self._values[name] = (self._version, value)
                self._changed.notify_all()

    def values(self) -> Mapping[str, str]:
        with self._changed:
            return {name: value for name, (_, value) in self._values.items()}

    def changes(self, since: int, timeout: float | None = None) -> tuple[int, Mapping[str, str]]:
        """Wait for values that are newer than version `since`; 0 is before all values.

        Returns: the present version, and the newer values. There are no values if `timeout` seconds have passed or the
        stream is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._version > since or self._closed, timeout)
            return self._version, {name: value for name, (at, value) in self._values.items() if at > since}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count as a listener until the context ends. Raises: TooManyListeners."""
        with self._changed:
            if self._listeners >= MOST_LISTENERS:
                raise TooManyListeners
            self._listeners += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._listeners -= 1
                self._changed.notify_all()

    def wait_for_listeners(self, present: bool = True, timeout: float | None = None) -> bool:
        """Wait until there is a listener or, if `present` is False, none.

        Returns: whether this has happened. False after `timeout` seconds, or if the stream is closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._listeners) is present, timeout)
            return not self._closed and bool(self._listeners) is present

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Close the stream. Every call that waits returns."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
