"""Read a process's output line by line until it ends, without waiting for other processes that hold its pipe."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Iterator

POLL_SECONDS = 0.5
_CHUNK = 1 << 16


def printed(process: subprocess.Popen[bytes]) -> Iterator[str | None]:
    """Yield each line as it arrives, and None after a poll without a complete line, so that the caller can act."""
    assert process.stdout is not None
    pipe, rest = process.stdout.fileno(), b""
    os.set_blocking(pipe, False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None  # checked first: the pipe then contains all output of an ended process
            readable = bool(selector.select(0 if ended else POLL_SECONDS))
            chunk = _read(pipe) if readable else None
            if chunk:
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") + "\n" for line in lines)
                if not lines:
                    yield None
            elif ended:
                break
            elif chunk == b"":  # the process has closed its output, but may still be working
                selector.unregister(pipe)
                while process.poll() is None:
                    yield None
                    _wait(process)
                break
            else:
                yield None
    if rest:
        yield rest.decode(errors="replace")


def _read(pipe: int) -> bytes | None:
    """Read the available bytes. Return b"" at the end of the pipe, or None if nothing is available."""
    try:
        return os.read(pipe, _CHUNK)
    except BlockingIOError:
        return None


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return
