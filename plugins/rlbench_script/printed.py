"""What a process prints, line by line, until it has ended; who has its pipe after it is not waited for."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Iterator

LOOK_SECONDS = 0.5
_CHUNK = 1 << 16


def printed(process: subprocess.Popen[bytes]) -> Iterator[str | None]:
    """Each line as it comes, and None whenever a look has found nothing whole, so that somebody else may be looked at."""
    assert process.stdout is not None
    pipe, left = process.stdout.fileno(), b""
    os.set_blocking(pipe, False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None  # asked first: what it said before it ended is in the pipe by now
            there = bool(selector.select(0 if ended else LOOK_SECONDS))
            chunk = _read(pipe) if there else None
            if chunk:
                *lines, left = (left + chunk).split(b"\n")
                yield from (line.decode(errors="replace") + "\n" for line in lines)
                if not lines:
                    yield None
            elif ended:
                break
            elif chunk == b"":  # it has closed its output, and may go on working
                selector.unregister(pipe)
                while process.poll() is None:
                    yield None
                    _wait(process)
                break
            else:
                yield None
    if left:
        yield left.decode(errors="replace")


def _read(pipe: int) -> bytes | None:
    """What is there; b"" at its end, None for nothing."""
    try:
        return os.read(pipe, _CHUNK)
    except BlockingIOError:
        return None


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return
