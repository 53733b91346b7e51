"""The live handle of a RunGroup: it joins meter, evaluation, records and checkpoints, and does none of them itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from rlbench.api import (
    Algorithm,
    Array,
    Budget,
    Diverged,
    EnvBackendSpec,
    MetricRecord,
    Policy,
    RlbenchError,
    Stopped,
    Task,
    Transition,
)
from rlbench.envs.meter import Meter
from rlbench.envs.metered_batch import MeteredBatch
from rlbench.envs.metered_env import MeteredEnv
from rlbench.envs.remote_envs import Attendant, SharedCounter, connect
from rlbench.runtime.record_sink import Sink
from rlbench.runtime.scheduled_evaluation import GRID, NEVER, Examiner, Grid
from rlbench.runtime.self_reported import Account
from rlbench.seeding import OneStream, SeedStreams, environment_seeds

Save = Callable[[Algorithm], None]
# How long an algorithm that could be saved may take to come to a safe point once it is to stop.
SAFE_POINT_PATIENCE_SECONDS = 10.0


class LiveInteraction:
    """Implements rlbench.api.Interaction for one group.

    policy: the policy to evaluate, looked up at each evaluation. save: writes a checkpoint, or None where the
    algorithm cannot be resumed. account: takes what is reported, or None where everything is metered.
    """

    obs: Array

    def __init__(
        self,
        task: Task,
        backend: EnvBackendSpec,
        streams: SeedStreams,
        num_envs: int,
        examiner: Examiner,
        sink: Sink,
        policy: Callable[[], Policy],
    ) -> None:
        self._task, self._backend, self._streams, self._examiner, self._sink = task, backend, streams, examiner, sink
        self._policy, self._one_stream = policy, backend.make_streams is not None
        self.seeds, self.num_envs, self.budget = streams.seeds, num_envs, Budget(task.steps)
        self.meter = Meter(task.steps, sink.episode)
        self.grid = Grid(task.evaluation.every, task.steps)
        self.batch: MeteredBatch | None = None
        self.save: Save | None = None
        self.save_every, self._next_save = 0, NEVER
        self.steps, self.finished = 0, False
        self.active = np.ones(len(self.seeds), bool)
        self._single: list[MeteredEnv] = []
        self._attendant: Attendant | None = None
        self.scratch: str | None = None
        self.account: Account | None = None
        self._ranks: set[int] = set()
        self._stop = False
        self._stop_asked = 0.0
        self._attention = min(self.grid.next, task.steps)

    # -- stacked loops -------------------------------------------------------------------------------------------
    def open_batch(self, begun: Sequence[int] = ()) -> MeteredBatch:
        """Make the S × N environments, once. begun: episodes that each has begun before, where a run goes on."""
        if self.batch is None:
            lanes, opened = len(self.seeds) * self.num_envs, []
            if self._backend.make_streams is None:
                envs = self._backend.make_batch(self._task, lanes)
            else:  # one that goes on opens another stream: the first would begin with the same episodes again
                each = [environment_seeds(self._streams, *divmod(lane, self.num_envs)) for lane in range(lanes)]
                opened = [OneStream(seeds[count]) for seeds, count in zip(each, begun or [0] * lanes)]
                envs = self._backend.make_streams(self._task, [one.seed for one in opened])
            self.batch = MeteredBatch(envs, self._streams, self.num_envs, self.meter, opened)
        return self.batch

    def reset(self) -> Array:
        if self.batch is None:
            self.open_batch().reset()
        assert self.batch is not None
        self.obs, self.active = self.batch.obs, self.batch.active
        return self.obs

    def step(self, actions: Array) -> Transition:
        batch = self.batch
        if batch is None:
            raise RlbenchError("call interaction.reset() before the first interaction.step()")
        if self.finished:
            spent = f"{self.steps} of {self.budget.steps} environment steps are spent"
            self.meter.refuse(spent if self.active.any() else "every seed has diverged")
        transition = batch.step(actions)
        self.obs, self.steps = batch.obs, self.meter.steps
        if batch.active is not self.active:
            self.active = batch.active
            self.finished = not self.active.any()
        if self.steps >= self._attention:
            self.advance()
        return transition

    def restored(self) -> None:
        """Take over what a checkpoint brought back: counters, parked seeds, the next point of the grid."""
        self.reset()
        self.steps = self.meter.steps
        self.finished = not self.active.any()
        self._attention = min(self.grid.next, self.budget.steps)

    # -- the grid, the budget, a stop ----------------------------------------------------------------------------
    def advance(self) -> None:
        """Do what the steps taken so far call for: evaluate, finish, stop."""
        self.steps = self.meter.steps
        if self._stop and (self.save is None or time.monotonic() - self._stop_asked > SAFE_POINT_PATIENCE_SECONDS):
            raise Stopped(f"stopped at step {self.steps}, without a checkpoint")
        nominal = self.grid.cross(self.steps)
        if nominal is not None:
            self._park(self._examiner.evaluate(self._policy(), GRID, nominal, self.steps, self.active))
        self.finished = self.steps >= self.budget.steps or not self.active.any()
        self._attention = 0 if self._stop else min(self.grid.next, self.budget.steps)

    def _park(self, finite: Array) -> None:
        if (finite | ~self.active).all():
            return
        if self.batch is not None:
            for index in (self.active & ~finite).nonzero()[0].tolist():
                self.batch.park(index)
        self.active = self.active & finite if self.batch is None else self.batch.active

    def request_stop(self) -> None:
        """Stop at the next safe point (at the next step where there is none). Safe to call from a signal handler."""
        self._stop, self._attention, self._stop_asked = True, 0, time.monotonic()
        if self._attendant is not None:
            self._attendant.counter.set_limit(0)

    # -- libraries that own their loop ---------------------------------------------------------------------------
    def make_env(self, seed_index: int = 0, rank: int = 0) -> MeteredEnv:
        if len(self.seeds) != 1:
            raise RlbenchError("make_env needs a group of one seed: register the AlgorithmSpec with stackable=False")
        if seed_index != 0 or rank < 0:
            raise RlbenchError(
                f"no environment (seed_index={seed_index}, rank={rank}): there is one seed, ranks start at 0"
            )
        if rank in self._ranks:
            raise RlbenchError(
                f"environment {rank} has been made already; a second one would repeat its episodes: take another rank"
            )
        self._ranks.add(rank)
        seeds = environment_seeds(self._streams, 0, rank, self._one_stream)
        env = MeteredEnv(self._backend.make_env(self._task), _LocalBoundary(self), seeds, self.seeds[0], rank)
        env.share = lambda _: self._share(rank)
        self._single.append(env)
        return env

    def _share(self, rank: int) -> tuple[Any, ...]:
        if self._attendant is None:
            limit = min(self.grid.next, self.budget.steps)
            counter = SharedCounter.create(self.meter.steps, limit, self.budget.steps, self.scratch)
            self._attendant = Attendant(counter, self._sink.episode)
        arguments = (self._task, self._backend.make_env, self.seeds[0], self._streams.space, rank)
        counter_path, channel = self._attendant.counter.path, self._attendant.open_channel()
        return connect, (*arguments, counter_path, channel, os.getpid(), self._one_stream)

    def attend(self, processes: Sequence[BaseProcess]) -> None:
        if self._attendant is None:
            raise RlbenchError("attend: none of the processes was given an environment from make_env")
        self._attendant.attend(processes, self._at_limit)
        self.steps = self.meter.steps = self._attendant.counter.steps
        if self._attendant.diverged:
            self.active = np.zeros(1, bool)
        if self._stop:
            raise Stopped(f"stopped at step {self.meter.steps}")
        self.advance()

    def _at_limit(self) -> int | None:
        assert self._attendant is not None
        self.meter.steps = self._attendant.counter.steps
        if not self._stop:
            self.advance()
        return None if self._stop else min(self.grid.next, self.budget.steps)  # a stop may come while it evaluates

    def progress(self) -> int:
        """Steps taken so far by each seed, wherever they are counted; may be asked from another thread."""
        return self.meter.steps if self._attendant is None else self._attendant.counter.steps

    # -- runs by their own account ---------------------------------------------------------------------------------
    def report(
        self, step: int, return_: float | None = None, length: int = 0, evaluation: Sequence[float] = ()
    ) -> None:
        if self.account is None:
            raise RlbenchError('only an algorithm registered with metering="self-reported" may report its own steps')
        if self.finished:
            self.meter.refuse(f"{self.steps} of {self.budget.steps} environment steps are spent")
        within = self.account.moved(step)
        self.steps = self.meter.steps = self.account.step
        self.finished = self.steps >= self.budget.steps
        if within and not np.isfinite([*evaluation, 0.0 if return_ is None else return_]).all():
            self.active, self.finished = np.zeros(1, bool), True
            raise Diverged(f"seed {self.seeds[0]}: it reported a return that is not finite at step {step}")
        if return_ is not None:
            self.account.episode(step, return_, length)
        if evaluation:
            self.account.evaluation(step, evaluation)
        if self._stop:
            raise Stopped(f"stopped at step {self.steps}")

    # -- records and checkpoints ---------------------------------------------------------------------------------
    def log(self, **metrics: Any) -> None:
        for name, value in metrics.items():
            numbers = np.broadcast_to(np.asarray(value, float), len(self.seeds)).tolist()
            for seed, active, number in zip(self.seeds, self.active.tolist(), numbers):
                if active:
                    self._sink.metric(MetricRecord(seed, self.steps, name, number))

    def checkpoint(self, algorithm: Algorithm) -> None:
        if self.steps < self._next_save and not self._stop:
            return
        if self.save is not None:
            if self.batch is None:
                raise RlbenchError("only stacked loops can be saved: register the AlgorithmSpec with resumable=False")
            self.save(algorithm)
            self.schedule_save()
        if self._stop:
            raise Stopped(f"stopped at step {self.steps}; a checkpoint was saved")

    def schedule_save(self) -> None:
        self._next_save = self.steps + self.save_every if self.save is not None and self.save_every > 0 else NEVER

    def close(self) -> None:
        if self.batch is not None:
            self.batch.close()
        for env in self._single:
            env.close()


class _LocalBoundary:
    """Single environments that step in the run's own process."""

    def __init__(self, interaction: LiveInteraction) -> None:
        self._interaction, self._process = interaction, os.getpid()

    @property
    def steps(self) -> int:
        return self._interaction.meter.steps

    @property
    def finished(self) -> bool:
        return self._interaction.finished

    def spend(self, steps: int) -> None:
        if os.getpid() != self._process:  # a copy of the counter would count for nobody
            raise RlbenchError(
                'a metered environment cannot be forked: send it as an argument to a process started with "spawn"'
            )
        self._interaction.meter.spend(steps)

    def record(self, episode: Any) -> None:
        self._interaction.meter.record(episode)

    def advance(self) -> None:
        interaction = self._interaction
        interaction.steps = interaction.meter.steps
        if interaction.steps >= interaction._attention:
            interaction.advance()

    def diverged(self) -> None:
        interaction = self._interaction
        interaction.steps, interaction.finished = interaction.meter.steps, True
        interaction.active = np.zeros(1, bool)
