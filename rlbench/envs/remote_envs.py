"""Metered environments in several processes of one run (Hogwild workers) with one step counter and one budget.

The counter is a small memory-mapped file with a POSIX record lock. If the process that holds the lock is killed, the
kernel releases the lock. A process claims each step before it takes the step, so the budget is met exactly. At a point
of the evaluation grid, every process waits before its next step until the run's main process has evaluated.
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
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import gymnasium

from rlbench.api import BudgetExceeded, EpisodeRecord, Stopped, Task, WorkerFailed
from rlbench.envs.meter import EpisodeSink
from rlbench.envs.metered_env import MeteredEnv
from rlbench.process_control import die_with_parent
from rlbench.profiling import sample_child
from rlbench.seeding import SeedStreams, environment_seeds

_STEPS, _LIMIT, _BUDGET = range(3)
_GRACE_SECONDS = 5


class SharedCounter:
    """Three integers that processes share: the steps taken, the step at which all processes wait, and the budget."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR)
        self._numbers = memoryview(mmap.mmap(self._file, 24)).cast("q")

    @classmethod
    def create(cls, steps: int, limit: int, budget: int, folder: str | None = None) -> SharedCounter:
        """Create a counter in a file under `folder` (default: the system's temporary folder).

        The file is deleted when the counter is garbage-collected.
        """
        handle, path = tempfile.mkstemp(prefix="rlbench-counter-", dir=folder)
        os.write(handle, b"\0" * 24)
        os.close(handle)
        counter = cls(path)
        weakref.finalize(counter, _unlink, path)
        counter._numbers[_STEPS], counter._numbers[_LIMIT], counter._numbers[_BUDGET] = steps, limit, budget
        return counter

    def claim(self) -> bool:
        """Claim one step if the limit is not reached yet. Returns: whether the step was claimed."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            below_limit = self._numbers[_STEPS] < self._numbers[_LIMIT]
            if below_limit:
                self._numbers[_STEPS] += 1
            return below_limit
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

    def exhaust(self) -> None:
        """Spend the rest of the budget, so that no process takes another step."""
        self._numbers[_LIMIT] = self._numbers[_BUDGET] = 0


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


class RemoteBoundary:
    """The boundary in a worker process, which claims steps from the counter and sends records to the main process."""

    def __init__(self, counter: SharedCounter, channel: Connection) -> None:
        self._counter, self._channel = counter, channel
        self._send({"kind": "arrived", "process": os.getpid()})

    @property
    def steps(self) -> int:
        return self._counter.steps

    @property
    def finished(self) -> bool:
        return self._counter.spent

    def spend(self, steps: int) -> None:
        while not self._counter.claim():
            if self._counter.spent:
                self._send({"kind": "released"})
                raise BudgetExceeded(f"all {self._counter.steps} environment steps are spent")
            self._send({"kind": "waiting"})
            if self._channel.recv_bytes() == b"stop":
                self._send({"kind": "released"})
                raise Stopped("the harness stopped the run")

    def record(self, episode: EpisodeRecord) -> None:
        self._send({"kind": "episode", "episode": list(episode)})

    def advance(self) -> None:
        return

    def diverged(self) -> None:
        self._send({"kind": "diverged"})

    def failed(self, fault: str) -> None:
        self._send({"kind": "failed", "fault": fault})

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
    parent: int,
    one_stream: bool = False,
) -> MeteredEnv:
    """Rebuild a metered environment in a worker process. Unpickling an environment calls this."""
    die_with_parent(parent)
    sample_child()
    boundary = RemoteBoundary(SharedCounter(path), channel)
    seeds = environment_seeds(SeedStreams([seed], space), 0, rank, one_stream)
    return MeteredEnv(make_env(task), boundary, seeds, seed, rank)


class Attendant:
    """The main process's part in a run whose environments step in worker processes: it records their episodes.

    It also releases the workers that wait at the counter's limit.

    diverged: whether a worker met a number that was not finite. fault: what failed in a worker's environment, in words,
    or "". Both end the run in all workers.
    """

    def __init__(self, counter: SharedCounter, record: EpisodeSink) -> None:
        self.counter, self._record = counter, record
        self.diverged, self.fault = False, ""
        self._worker_ends: list[Connection] = []
        self._channels: set[Connection] = set()
        self._process: dict[Connection, int] = {}  # pid of the worker, once the environment has arrived there
        self._waiting: set[Connection] = set()
        self._released: set[int] = set()  # pids of workers that had to end; their exit codes do not matter

    def open_channel(self) -> Connection:
        """Open a channel to a worker, and return the worker's end of the channel."""
        own_end, worker_end = Pipe()
        self._channels.add(own_end)
        self._worker_ends.append(worker_end)
        return worker_end

    def attend(self, processes: Sequence[BaseProcess], at_limit: Callable[[], int | None]) -> None:
        """Serve the processes until all have ended. Raises: WorkerFailed if a process fails.

        at_limit: called while all processes wait, but not after a failure. It returns the next limit, or None to stop.
        """
        for worker_end in self._worker_ends:
            worker_end.close()  # so that the channel reports the end of its worker
        self._worker_ends.clear()
        running = list(processes)
        try:
            while running:
                wait([*self._channels, *(p.sentinel for p in running)])
                for channel in list(self._channels):
                    self._serve(channel)
                running = [p for p in running if not self._has_ended(p)]
                if self._all_waiting():
                    # After a failure the budget is exhausted, and no new limit may allow more steps.
                    self._release(0 if self.diverged or self.fault else at_limit())
        finally:
            end_processes(running)

    def _all_waiting(self) -> bool:
        """Return whether every process that has an environment waits before its next step.

        A process with several environments waits if one of them waits.
        """
        waiting = {self._process[channel] for channel in self._waiting}
        return bool(waiting) and waiting == {self._process[c] for c in self._channels if c in self._process}

    def _release(self, limit: int | None) -> None:
        if limit is not None:
            self.counter.set_limit(limit)
        for channel in self._waiting:
            with suppress(BrokenPipeError):
                channel.send_bytes(b"stop" if limit is None else b"go")
        self._waiting.clear()

    def _serve(self, channel: Connection) -> None:
        """Handle all messages in a channel."""
        try:
            while channel.poll():
                self._handle(channel, json.loads(channel.recv_bytes()))
        except (EOFError, ConnectionResetError):
            self._channels.discard(channel)
            self._waiting.discard(channel)
            channel.close()

    def _handle(self, channel: Connection, message: dict[str, Any]) -> None:
        kind = message["kind"]
        if kind == "arrived":
            self._process[channel] = message["process"]
        elif kind == "waiting":
            self._waiting.add(channel)
        elif kind == "released":
            self._released.add(self._process[channel])
        elif kind == "diverged":
            self.diverged = True
            self.counter.exhaust()
        elif kind == "failed":
            self.fault = message["fault"]
            self.counter.exhaust()
        else:
            self._record(EpisodeRecord(*message["episode"]))

    def _has_ended(self, process: BaseProcess) -> bool:
        if process.is_alive():
            return False
        process.join()
        for channel in list(self._channels):  # messages sent just before the process ended
            self._serve(channel)
        if process.exitcode and not (self.diverged or self.fault) and process.pid not in self._released:
            raise WorkerFailed(f"worker process {process.name} ended with exit code {process.exitcode}")
        return True


def end_processes(processes: Sequence[BaseProcess]) -> None:
    """End the processes that still run: send SIGTERM, wait a few seconds, then send SIGKILL."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_GRACE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
