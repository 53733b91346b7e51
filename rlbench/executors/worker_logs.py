"""Log files of a worker's output, limited in size: its beginning is written at once, its end when the worker exits."""

from __future__ import annotations

import os
import selectors
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

HEAD_BYTES = TAIL_BYTES = 2 << 20
_CHUNK, _LAST_CHUNKS = 1 << 16, 64  # a pipe holds 1 chunk, or 16 if a process has enlarged it


class _Log:
    """A file with the first and the last bytes of an output. If the disk is full, text is lost without an error."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._room, self._left_out, self._tail = HEAD_BYTES, 0, bytearray()

    def write(self, chunk: bytes) -> None:
        with suppress(OSError):
            os.write(self._file, chunk[: self._room])
        self._tail += chunk[self._room :]
        self._room = max(0, self._room - len(chunk))
        if len(self._tail) > 2 * TAIL_BYTES:  # not at once, because a deletion moves all remaining bytes
            self._drop()

    def _drop(self) -> None:
        surplus = max(0, len(self._tail) - TAIL_BYTES)
        del self._tail[:surplus]
        self._left_out += surplus

    def close(self) -> None:
        self._drop()
        gap = f"\n… {self._left_out:,} bytes omitted …\n".encode() if self._left_out else b""
        with suppress(OSError):
            os.write(self._file, gap + self._tail)
        os.close(self._file)


def _pipe(undo: ExitStack) -> tuple[int, int]:
    """Return the read end and the write end of a new pipe. `undo` closes both."""
    ends = os.pipe()
    for end in ends:
        undo.callback(os.close, end)
    return ends


class Logs:
    """Pipes for the output of a process, such as stdout and stderr. Each is copied to a file of `paths`.

    write_ends: the ends for the process; `started` closes this process's copies of them. Raises: OSError or
    RuntimeError; nothing stays open then.
    """

    def __init__(self, *paths: Path) -> None:
        with ExitStack() as undo:
            self.write_ends, self._logs = list[int](), dict[int, _Log]()
            for path in paths:
                read_end, write_end = _pipe(undo)
                self.write_ends.append(write_end)
                self._logs[read_end] = _Log(path)
                undo.callback(self._logs[read_end].close)
            self._wake, self._waker = _pipe(undo)
            self._thread = threading.Thread(target=self._copy, daemon=True)
            self._thread.start()
            undo.pop_all()

    def started(self) -> None:
        """Close the write ends here. Call this when the process has its copies, or has failed to start."""
        for write_end in self.write_ends:
            os.close(write_end)

    def finish(self) -> None:
        """Copy what is in the pipes and close them. Do not wait for a left-over process: it may keep its end open."""
        os.close(self._waker)
        self._thread.join()

    def _copy(self) -> None:
        with selectors.DefaultSelector() as selector:
            for pipe in (self._wake, *self._logs):
                os.set_blocking(pipe, False)
                selector.register(pipe, selectors.EVENT_READ)
            open_ends = set(self._logs)
            ending = False
            while open_ends and not ending:
                ready = {key.fd for key, _ in selector.select()}
                ending = self._wake in ready
                for pipe in open_ends & (open_ends if ending else ready):
                    if not self._take(pipe, _LAST_CHUNKS if ending else 1):
                        selector.unregister(pipe)
                        open_ends.discard(pipe)
        for pipe, log in self._logs.items():
            log.close()
            os.close(pipe)
        os.close(self._wake)

    def _take(self, pipe: int, chunks: int) -> bool:
        """Copy at most `chunks` chunks of the available bytes. Returns: whether more bytes may come later."""
        for _ in range(chunks):
            try:
                chunk = os.read(pipe, _CHUNK)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._logs[pipe].write(chunk)
        return True
