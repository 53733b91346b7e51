"""Sides that take turns: A B A B, on one core, each in a process of its own that stands still while another's turn lasts."""

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
PATIENCE = 300.0  # seconds for the warm-up, which compiles, and beyond a turn's own length
_ONE_THREAD = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "TORCHINDUCTOR_COMPILE_THREADS",
)  # fmt: skip
_XLA = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class SideFailed(Exception):
    """A side's process ended; its last line on standard error."""


class OutOfTime(SideFailed):
    """A side was not ready in the time there was for it, which is no fault of its own."""


@dataclass
class Played:
    """What a side has done. warm_up: steps, wall and cpu seconds before its first turn; turns: the same of each.

    failed: why it has done no more; late: because there was no time for it.
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
            environment = worker_environment()  # the peers have what is theirs by default
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
        """Its next answer. Raises: SideFailed when it ends instead, OutOfTime after `patience` seconds."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], patience)[0]:
            raise OutOfTime(f"no answer within {patience:.0f} s")
        line = self._process.stdout.readline()
        if line:
            found: dict[str, Any] = json.loads(line)
            return found
        self._process.wait()
        self._errors.seek(0)
        said = [text.strip() for text in self._errors if text.strip()]
        raise SideFailed(said[-1] if said else f"it ended with {self._process.returncode} and said nothing")

    def turn(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{seconds}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer says why
        return self.answer(PATIENCE + seconds)

    def move(self, core: int) -> None:
        """Put every thread of it on a core."""
        for thread in os.listdir(f"/proc/{self._process.pid}/task"):
            os.sched_setaffinity(int(thread), {core})

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


@dataclass(frozen=True)
class Plan:
    """rounds: of turns; seconds: of a turn, at least; core: where turns are taken, None where processes cannot be pinned;
    spare: the cores that sides warm up on, one side a core at a time; limit: seconds that it may all take.
    """

    rounds: int
    seconds: float
    core: int | None
    spare: Sequence[int]
    limit: float = float("inf")


def play(sides: Sequence[Side], plan: Plan, say: Callable[[str], None]) -> list[Played]:
    """Warm all sides up, then give each a turn in every round.

    A side that fails is left out of the rest. When the limit is near, sides that are not warm are given up, and rounds
    after the first that would pass it are not begun.
    """
    core, spare, until = plan.core, plan.spare, time.perf_counter() + plan.limit
    warm_until = until - 1.5 * plan.rounds * plan.seconds * len(sides)  # turns end at safe points, so some last longer
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
                players.pop(side).close()  # or it would go on compiling beside the others' turns
        cores.put(place)
        say(f"  {side.name}: " + (played.failed or f"warm after {time.perf_counter() - began:.0f} s"))
        return played

    try:
        # What compiles comes last, so that it is what is given up where time is short.
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
