"""The interaction of a running RunGroup, which connects the meter, evaluation, records and checkpoints."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from rlbench.api import (
    Array,
    Budget,
    Diverged,
    EnvBackendSpec,
    EnvBatch,
    EpisodeRecord,
    MetricRecord,
    Policy,
    RlbenchError,
    Stopped,
    Task,
    TaskSampler,
    Transition,
)
from rlbench.envs.meter import Meter
from rlbench.envs.metered_batch import MeteredBatch
from rlbench.envs.metered_env import MeteredEnv
from rlbench.envs.remote_envs import Attendant, SharedCounter, connect
from rlbench.envs.staged_env import StagedEnv, staged_batch
from rlbench.messages import quoted
from rlbench.runtime.curriculum_progress import CurriculumProgress, stage_records
from rlbench.runtime.metric_means import MetricMeans
from rlbench.runtime.record_sink import Sink
from rlbench.runtime.scheduled_evaluation import GRID, NEVER, EvaluationRunner, EvaluationSchedule
from rlbench.runtime.self_reported import SelfReportedLog
from rlbench.seeding import OneStream, SeedStreams, environment_seeds
from rlbench.text import plural

Save = Callable[[], None]
_METRIC_POINTS = 20  # points at which a run without an evaluation grid records means
# How long a resumable algorithm may take to reach a safe point after a stop request.
SAFE_POINT_PATIENCE_SECONDS = 10.0


class LiveInteraction:
    """The implementation of rlbench.api.Interaction for one group.

    policy: returns the policy to evaluate; called at each evaluation. faults: a mapping that receives descriptions of
    failed environments, by the seed's index. save: writes a checkpoint; None: the algorithm cannot be resumed.
    self_reported: receives the algorithm's reports; None: the algorithm is metered. make_sampler: makes a curriculum's
    sampler from the number of tasks.
    """

    obs: Array

    def __init__(
        self,
        task: Task,
        backend: EnvBackendSpec,
        streams: SeedStreams,
        num_envs: int,
        evaluations: EvaluationRunner,
        sink: Sink,
        policy: Callable[[], Policy],
        faults: dict[int, str],
    ) -> None:
        self._task, self._backend, self._streams, self._sink = task, backend, streams, sink
        self._evaluations, self._policy, self._one_stream = evaluations, policy, backend.make_streams is not None
        self.faults = faults
        self.seeds, self.num_envs, self.budget = streams.seeds, num_envs, Budget(task.steps)
        self.meter = Meter(task.steps, self._end_episode)
        self.schedule = EvaluationSchedule(task.evaluation.every, task.steps)
        every = task.evaluation.every or max(task.steps // _METRIC_POINTS, 1)
        self._metric_schedule, self.means = EvaluationSchedule(every, task.steps), MetricMeans(len(self.seeds))
        self._means_recorded_at = 0
        self.batch: MeteredBatch | None = None
        self.save: Save | None = None
        self.save_every, self._next_save = 0, NEVER
        self.steps, self.finished = 0, False
        self.active = np.ones(len(self.seeds), bool)
        self._single: list[MeteredEnv] = []
        self._attendant: Attendant | None = None
        self.scratch: str | None = None
        self.self_reported: SelfReportedLog | None = None
        self.make_sampler: Callable[[int], TaskSampler] | None = None
        self._ranks: set[int] = set()
        self._stop = False
        self._stop_requested_at = 0.0
        self._last_step = NEVER
        self._attention = self._next_attention()

    def _next_attention(self) -> int:
        return min(self.schedule.next, self._metric_schedule.next, self.budget.steps, self._last_step + 1)

    # -- stacked loops -------------------------------------------------------------------------------------------
    def open_batch(self, earlier_episodes: Sequence[int] = ()) -> MeteredBatch:
        """Create the S × N environments at the first call, and return them.

        earlier_episodes: how many episodes each environment had begun before a resume.
        """
        if self.batch is None:
            lanes, opened = len(self.seeds) * self.num_envs, []
            if self._backend.make_streams is None:
                envs = self._make_batch(lanes)
            else:  # a resumed run opens another stream, because the first one would repeat earlier episodes
                each = [environment_seeds(self._streams, *divmod(lane, self.num_envs)) for lane in range(lanes)]
                opened = [OneStream(seeds[count]) for seeds, count in zip(each, earlier_episodes or [0] * lanes)]
                envs = self._backend.make_streams(self._task, [one.seed for one in opened])
            self.batch = MeteredBatch(envs, self._streams, self.num_envs, self.meter, opened, self.faults)
        return self.batch

    def _make_batch(self, lanes: int) -> EnvBatch:
        progress = self.curriculum
        if progress is None:
            return self._backend.make_batch(self._task, lanes)
        return staged_batch(
            self._task.training_tasks,
            lanes,
            self._backend.make_env,
            lambda lane: progress.begin(*divmod(lane, self.num_envs)),
        )

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
            self.meter.refuse(spent if self.active.any() else "every seed has diverged or failed")
        transition = batch.step(actions)
        self.obs, self.steps = batch.obs, self.meter.steps
        if batch.active is not self.active:
            self.active = batch.active
            self.finished = not self.active.any()
        if self.steps >= self._attention:
            self.advance()
        return transition

    @property
    def start(self) -> Array:
        if self.batch is None:
            raise RlbenchError("call interaction.reset() before you read interaction.start")
        return self.batch.start

    def restored(self) -> None:
        """Update counters, parked seeds and the next evaluation after a checkpoint was loaded."""
        self.reset()
        self.steps = self.meter.steps
        self.finished = not self.active.any()
        self._metric_schedule.cross(self.steps)
        self._attention = self._next_attention()

    # -- evaluation, the end of the budget, a stop ---------------------------------------------------------------
    def advance(self) -> None:
        """Evaluate, finish or stop, if that is due after the steps taken so far."""
        self.steps = self.meter.steps
        if self.steps > self._last_step:
            raise Stopped(f"stopped at step {self.steps}, the first beyond step {self._last_step}")
        if self._stop and (
            self.save is None or time.monotonic() - self._stop_requested_at > SAFE_POINT_PATIENCE_SECONDS
        ):
            raise Stopped(f"stopped at step {self.steps}, without a checkpoint")
        if self._metric_schedule.cross(self.steps) is not None:
            self.record_means()
        nominal = self.schedule.cross(self.steps)
        if nominal is not None:
            self._park(self._evaluations.evaluate(self._policy(), GRID, nominal, self.steps, self.active))
        self.finished = self.steps >= self.budget.steps or not self.active.any()
        self._attention = 0 if self._stop else self._next_attention()

    def _park(self, finite: Array) -> None:
        if (finite | ~self.active).all():
            return
        if self.batch is not None:
            for index in (self.active & ~finite).nonzero()[0].tolist():
                self.batch.park(index)
        self.active = self.active & finite if self.batch is None else self.batch.active

    def stop_beyond(self, step: int) -> None:
        """End training with the error Stopped at the first step after `step`. All records up to `step` are written."""
        self._last_step = step
        self._attention = self._next_attention()

    def request_stop(self) -> None:
        """Stop at the next safe point, or at the next step if there is no safe point. Signal handlers may call this."""
        self._stop, self._attention, self._stop_requested_at = True, 0, time.monotonic()
        if self._attendant is not None:
            self._attendant.counter.set_limit(0)

    # -- libraries with their own training loop ------------------------------------------------------------------
    def make_env(self, seed_index: int = 0, rank: int = 0) -> MeteredEnv:
        if len(self.seeds) != 1:
            raise RlbenchError("make_env needs a group of one seed: register the AlgorithmSpec with stackable=False")
        if seed_index != 0 or rank < 0:
            raise RlbenchError(
                f"no environment (seed_index={seed_index}, rank={rank}): seed_index must be 0 and rank at least 0"
            )
        if rank in self._ranks:
            raise RlbenchError(
                f"environment {rank} exists already, and a second one would repeat its episodes: use another rank"
            )
        self._ranks.add(rank)
        seeds = environment_seeds(self._streams, 0, rank, self._one_stream)
        made = self._make_staged(rank) if self._task.curriculum is not None else self._backend.make_env(self._task)
        env = MeteredEnv(made, _LocalBoundary(self), seeds, self.seeds[0], rank)
        env.share = lambda _: self._share(rank)
        self._single.append(env)
        return env

    def _make_staged(self, rank: int) -> StagedEnv:
        progress = self.curriculum
        assert progress is not None
        return StagedEnv(self._task.training_tasks, self._backend.make_env, lambda: progress.begin(0, rank))

    def _share(self, rank: int) -> tuple[Any, ...]:
        if self._task.curriculum is not None:
            raise RlbenchError(
                "environments in other processes cannot follow a curriculum: "
                "register the AlgorithmSpec with several_processes=True"
            )
        if self._attendant is None:
            limit = min(self.schedule.next, self.budget.steps)
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
        if self._attendant.diverged or self._attendant.fault:
            self.active = np.zeros(1, bool)
            self.faults |= {0: self._attendant.fault} if self._attendant.fault else {}
        if self._stop:
            raise Stopped(f"stopped at step {self.meter.steps}")
        self.advance()

    def _at_limit(self) -> int | None:
        assert self._attendant is not None
        self.meter.steps = self._attendant.counter.steps
        if not self._stop:
            self.advance()
        # The evaluation may end the only seed, and a stop may be requested during it.
        return None if self._stop or not self.active.any() else min(self.schedule.next, self.budget.steps)

    def progress(self) -> int:
        """Return the steps that each seed has taken so far, in all its processes. Other threads may call this."""
        return self.meter.steps if self._attendant is None else self._attendant.counter.steps

    # -- self-reported runs --------------------------------------------------------------------------------------
    def report(
        self, step: int, return_: float | None = None, length: int = 0, evaluation: Sequence[float] = ()
    ) -> None:
        if self.self_reported is None:
            raise RlbenchError('only an algorithm registered with metering="self-reported" may report its own steps')
        if self.finished:
            self.meter.refuse(f"{self.steps} of {self.budget.steps} environment steps are spent")
        within = self.self_reported.advance(step)
        self.steps = self.meter.steps = self.self_reported.step
        self.finished = self.steps >= self.budget.steps
        if within and not np.isfinite([*evaluation, 0.0 if return_ is None else return_]).all():
            self.active, self.finished = np.zeros(1, bool), True
            raise Diverged(f"seed {self.seeds[0]}: reported a return that is not finite at step {step}")
        if return_ is not None:
            self.self_reported.episode(step, return_, length)
        if evaluation:
            self.self_reported.evaluation(step, evaluation)
        if self._stop:
            raise Stopped(f"stopped at step {self.steps}")

    # -- curricula -----------------------------------------------------------------------------------------------
    @cached_property
    def curriculum(self) -> CurriculumProgress | None:
        """The seeds' progress in the task's curriculum; None without a curriculum. Made at the first use."""
        wanted = self._task.curriculum
        if wanted is None:
            return None
        record = stage_records(wanted, self._streams.members, self.meter, self._sink, self.means)
        return CurriculumProgress(wanted, self._streams, record, self.make_sampler)

    def _end_episode(self, episode: EpisodeRecord) -> None:
        self._sink.episode(episode)
        if self.curriculum is not None:
            self.curriculum.ended(episode)

    # -- records and checkpoints ---------------------------------------------------------------------------------
    def log(self, **metrics: Any) -> None:
        for name, value in metrics.items():
            try:
                numbers = np.broadcast_to(np.asarray(value, float), len(self.seeds)).tolist()
            except (TypeError, ValueError, OverflowError) as error:
                what = f"should be a number, or one for each of {plural(len(self.seeds), 'seed')}, got {quoted(value)}"
                raise RlbenchError(f"log: {name} {what}") from error
            for member, active, number in zip(self._streams.members, self.active.tolist(), numbers):
                if active:
                    self._sink.metric(MetricRecord(member, self.steps, name, number))

    def log_mean(self, *computed: Callable[[], Mapping[str, Any]], where: Any = None, **metrics: Any) -> None:
        if computed:
            if not self.means.is_due(getattr(computed[0], "name", "")):
                return
            metrics = {name: value for compute in computed for name, value in compute().items()} | metrics
        self.means.add(metrics, self.active, where)

    def record_means(self) -> None:
        """Record the means of `log_mean` since the last call. If this step already has means, discard the new ones."""
        found = list(self.means.take())
        if self.steps == self._means_recorded_at:
            return
        self._means_recorded_at = self.steps if found else self._means_recorded_at
        for name, means, has_one in found:
            for member, recorded, mean in zip(self._streams.members, (has_one & self.active).tolist(), means.tolist()):
                if recorded:
                    self._sink.metric(MetricRecord(member, self.steps, name, mean))

    def checkpoint(self, *ignored: Any) -> None:
        if ignored:  # a plugin for version 1 of the API passes an argument; a TypeError would not explain the change
            raise RlbenchError(
                "`checkpoint` takes no argument since version 2 of the plugin API: call `interaction.checkpoint()`"
            )
        if (self.steps < self._next_save and not self._stop) or len(self.faults) == len(self.seeds):
            return  # it is not due, or every seed has failed and nothing is left to save
        if self.save is not None:
            if self.batch is None:
                raise RlbenchError(
                    "this algorithm does not train its seeds as one batch, so it cannot be saved; register its "
                    "AlgorithmSpec with resumable=False"
                )
            self.save()
            self.schedule_save()
        if self._stop:
            raise Stopped(f"stopped at step {self.steps}; a checkpoint was saved")

    def schedule_save(self) -> None:
        self._next_save = self.steps + self.save_every if self.save is not None and self.save_every > 0 else NEVER

    def close(self) -> None:
        with ExitStack() as each:  # if one environment raises, close the next ones too
            for env in self._single:
                each.callback(env.close)
            if self.batch is not None:
                each.callback(self.batch.close)


class _LocalBoundary:
    """The boundary of single environments that step in the run's own process."""

    def __init__(self, interaction: LiveInteraction) -> None:
        self._interaction, self._process = interaction, os.getpid()

    @property
    def steps(self) -> int:
        return self._interaction.meter.steps

    @property
    def finished(self) -> bool:
        return self._interaction.finished

    def spend(self, steps: int) -> None:
        if os.getpid() != self._process:  # steps counted in a forked copy would be lost
            raise RlbenchError(
                'a metered environment cannot be forked: send it as an argument to a process started with "spawn"'
            )
        if self._interaction.finished and not self._interaction.active.any():
            self._interaction.meter.refuse("the only seed has diverged or failed")
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

    def failed(self, fault: str) -> None:
        self._interaction.faults.setdefault(0, fault)
        self.diverged()
