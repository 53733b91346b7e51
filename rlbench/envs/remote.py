"""Metered environments that step in other processes of one run (Hogwild workers): one step counter, one budget.

The counter lies in a small memory-mapped file under a POSIX record lock, which the kernel frees when its holder is
killed. A step is claimed before it is taken, so the budget is met exactly; at a point of the evaluation grid every
process waits at its next step until the run's own process has evaluated.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import tempfile
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import gymnasium

from rlbench.api import BudgetExceeded, EpisodeRecord, Stopped, Task, WorkerFailed
from rlbench.envs.meter import EpisodeSink
from rlbench.envs.single import MeteredEnv
from rlbench.processes import die_with_parent
from rlbench.seeding import EpisodeSeeds, SeedStreams

_STEPS, _LIMIT, _BUDGET = range(3)
_GRACE_SECONDS = 5


class SharedCounter:
    """Steps taken, the step at which everyone waits, and the budget, as three integers that processes share."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR)
        self._numbers = memoryview(mmap.mmap(self._file, 24)).cast("q")

    @classmethod
    def create(cls, steps: int, limit: int, budget: int) -> SharedCounter:
        handle, path = tempfile.mkstemp(prefix="rlbench-counter-")
        os.write(handle, b"\0" * 24)
        os.close(handle)
        counter = cls(path)
        weakref.finalize(counter, _unlink, path)
        counter._numbers[_STEPS], counter._numbers[_LIMIT], counter._numbers[_BUDGET] = steps, limit, budget
        return counter

    def claim(self) -> bool:
        """Take one step, unless the limit is reached."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            free = self._numbers[_STEPS] < self._numbers[_LIMIT]
            if free:
                self._numbers[_STEPS] += 1
            return free
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    @property
    def steps(self) -> int:
        return self._numbers[_STEPS]

    @property
    def spent(self) -> bool:
        return self._numbers[_STEPS] >= self._numbers[_BUDGET]

    def set_limit(self, limit: int) -> None:
        self._numbers[_LIMIT] = limit

    def end(self) -> None:
        """Spend what is left, so that no process takes a further step."""
        self._numbers[_LIMIT] = self._numbers[_BUDGET] = 0


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


class RemoteBoundary:
    """The boundary as a worker process sees it."""

    def __init__(self, counter: SharedCounter, channel: Connection) -> None:
        self._counter, self._channel = counter, channel

    @property
    def steps(self) -> int:
        return self._counter.steps

    @property
    def finished(self) -> bool:
        return self._counter.spent

    def spend(self, steps: int) -> None:
        while not self._counter.claim():
            if self._counter.spent:
                raise BudgetExceeded(f"{self._counter.steps} environment steps are spent")
            self._send({"kind": "waiting"})
            if self._channel.recv_bytes() == b"stop":
                raise Stopped("the harness stopped the run")

    def record(self, episode: EpisodeRecord) -> None:
        self._send({"kind": "episode", "episode": list(episode)})

    def advance(self) -> None:
        return

    def diverged(self) -> None:
        self._send({"kind": "diverged"})

    def _send(self, message: dict[str, Any]) -> None:
        self._channel.send_bytes(json.dumps(message).encode())


def connect(
    task: Task,
    make_env: Callable[[Task], gymnasium.Env[Any, Any]],
    seed: int,
    space: str,
    rank: int,
    path: str,
    channel: Connection,
) -> MeteredEnv:
    """Rebuild a metered environment in a worker process (what unpickling one calls)."""
    parent = parent_process()
    if parent is not None and parent.pid is not None:
        die_with_parent(parent.pid)
    boundary = RemoteBoundary(SharedCounter(path), channel)
    seeds = EpisodeSeeds(SeedStreams([seed], space).sequence("environment", 0, rank), space)
    return MeteredEnv(make_env(task), boundary, seeds, seed, rank)


class Attendant:
    """The run's own process: hands environments out and serves them until their processes have ended."""

    def __init__(self, counter: SharedCounter, record: EpisodeSink) -> None:
        self.counter, self._record = counter, record
        self._channels: list[Connection] = []
        self._theirs: list[Connection] = []
        self.diverged = False

    def open_channel(self) -> Connection:
        """The end of a new channel that goes to a worker."""
        ours, theirs = Pipe()
        self._channels.append(ours)
        self._theirs.append(theirs)
        return theirs

    def attend(self, processes: Sequence[BaseProcess], at_limit: Callable[[], int | None]) -> None:
        """Serve until all have ended. at_limit: called while all wait; returns the next limit, or None to stop.

        A process that meets a number that is not finite ends the run for all: `diverged` is true afterwards.
        Raises: WorkerFailed if a process fails.
        """
        for theirs in self._theirs:
            theirs.close()  # so that a worker's end shows as the end of its channel
        self._theirs.clear()
        waiting: set[Connection] = set()
        running = list(processes)
        try:
            while running:
                for ready in wait([*self._channels, *(p.sentinel for p in running)]):
                    if isinstance(ready, Connection):
                        self._serve(ready, waiting)
                running = [p for p in running if not self._ended(p)]
                if waiting and waiting == set(self._channels):
                    limit = at_limit()
                    if limit is not None:
                        self.counter.set_limit(limit)
                    for channel in waiting:
                        with suppress(BrokenPipeError):
                            channel.send_bytes(b"stop" if limit is None else b"go")
                    waiting.clear()
            for channel in list(self._channels):  # what was sent just before the end
                while channel in self._channels:
                    self._serve(channel, waiting)
        finally:
            end_processes(running)

    def _serve(self, channel: Connection, waiting: set[Connection]) -> None:
        try:
            message = json.loads(channel.recv_bytes())
        except (EOFError, ConnectionResetError):
            self._channels.remove(channel)
            waiting.discard(channel)
            channel.close()
            return
        if message["kind"] == "waiting":
            waiting.add(channel)
        elif message["kind"] == "diverged":
            self.diverged = True
            self.counter.end()
        else:
            self._record(EpisodeRecord(*message["episode"]))

    def _ended(self, process: BaseProcess) -> bool:
        if process.is_alive():
            return False
        process.join()
        if process.exitcode and not self.diverged:
            raise WorkerFailed(f"worker process {process.name} ended with exit code {process.exitcode}")
        return True


def end_processes(processes: Sequence[BaseProcess]) -> None:
    """End what still runs: TERM, a grace period, KILL."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_GRACE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
