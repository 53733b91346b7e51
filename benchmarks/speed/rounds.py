"""Run sides in turns (A B A B) on one core, each in its own process that waits during the turns of others."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks.speed.works import Side
from rlbench.executors.worker_process import worker_environment

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0  # seconds for the warm-up, which compiles, and in addition to the length of a turn
_ONE_THREAD = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "TORCHINDUCTOR_COMPILE_THREADS",
)  # fmt: skip
_XLA = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class SideFailed(Exception):
    """A side's process ended. The message is its last line on standard error."""


class OutOfTime(SideFailed):
    """A side was not ready within its time limit, which is not a failure of the side."""


@dataclass
class Played:
    """Measurements of a side.

    warm_up: steps, wall and cpu seconds before its first turn. turns: the same for each turn. failed: why it stopped.
    late: whether it stopped for lack of time.
    """

    side: Side
    warm_up: dict[str, Any] = field(default_factory=dict)
    turns: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""
    late: bool = False


class Player:
    """One side's process."""

    def __init__(self, side: Side, core: int | None) -> None:
        self.side, self._errors = side, tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "JAX_PLATFORMS": "cpu"}
        environment["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_XLA}".strip()
        if side.library == "ours":
            environment = worker_environment()  # the peers keep their defaults
        described = json.dumps(asdict(side)), "" if core is None else str(core)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.child", *described],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=environment,
        )

    def answer(self, patience: float) -> dict[str, Any]:
        """Return its next answer. Raises: SideFailed if it ends instead, OutOfTime after `patience` seconds."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], patience)[0]:
            raise OutOfTime(f"no answer within {patience:.0f} s")
        line = self._process.stdout.readline()
        if line:
            message: dict[str, Any] = json.loads(line)
            return message
        self._process.wait()
        self._errors.seek(0)
        lines = [text.strip() for text in self._errors if text.strip()]
        raise SideFailed(lines[-1] if lines else f"it ended with {self._process.returncode} and printed nothing")

    def turn(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{seconds}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer contains the reason
        return self.answer(PATIENCE + seconds)

    def move(self, core: int) -> None:
        """Move all its threads to a core."""
        for thread in os.listdir(f"/proc/{self._process.pid}/task"):
            os.sched_setaffinity(int(thread), {core})

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


@dataclass(frozen=True)
class Plan:
    """A plan of turns.

    rounds: number of rounds. seconds: minimum length of a turn. core: the core for turns, None if processes cannot be
    pinned. spare: cores for warm-up, one side per core at a time. limit: seconds for everything.
    """

    rounds: int
    seconds: float
    core: int | None
    spare: Sequence[int]
    limit: float = float("inf")


def play(sides: Sequence[Side], plan: Plan, say: Callable[[str], None]) -> list[Played]:
    """Warm all sides up, then give each a turn in every round.

    A side that fails is skipped from then on. Near the limit, sides that are not warm are dropped, and further rounds
    that would exceed it are not started.
    """
    core, spare, until = plan.core, plan.spare, time.perf_counter() + plan.limit
    warm_until = until - 1.5 * plan.rounds * plan.seconds * len(sides)  # turns end at checkpoints, so some last longer
    cores: SimpleQueue[int | None] = SimpleQueue()
    for free in spare or [core]:
        cores.put(free)
    players: dict[Side, Player] = {}

    def warm(side: Side) -> Played:
        played, place, began = Played(side), cores.get(), time.perf_counter()
        try:
            patience = min(PATIENCE, warm_until - began)
            if patience <= 0:
                raise OutOfTime("no time was left for it")
            player = players[side] = Player(side, place)
            played.warm_up = {**player.answer(patience), "whole": time.perf_counter() - began}
            if core is not None and place != core:
                player.move(core)
        except SideFailed as failure:
            played.failed, played.late = str(failure), isinstance(failure, OutOfTime)
            if side in players:
                players.pop(side).close()  # otherwise it would keep compiling during the others' turns
        cores.put(place)
        say(f"  {side.name}: " + (played.failed or f"warm after {time.perf_counter() - began:.0f} s"))
        return played

    try:
        # Compiling sides come last, so that these are dropped if time is short.
        with ThreadPoolExecutor(max(1, len(spare))) as pool:
            warmed = {side: pool.submit(warm, side) for side in sorted(sides, key=lambda side: side.compiles)}
            results = [warmed[side].result() for side in sides]
        took = 0.0
        for _ in range(plan.rounds):
            began = time.perf_counter()
            if began + took > until:
                say("  no time for another round")
                break
            for played in results:
                try:
                    if not played.failed:
                        played.turns.append(players[played.side].turn(plan.seconds))
                except SideFailed as failure:
                    played.failed, played.late = str(failure), isinstance(failure, OutOfTime)
            took = time.perf_counter() - began
        return results
    finally:
        for player in players.values():
            player.close()
