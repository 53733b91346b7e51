"""Training of one RunGroup, from its first step or a checkpoint to the evaluation of the final policy."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rlbench.api import (
    AgentLayout,
    Algorithm,
    Array,
    BudgetExceeded,
    Device,
    Diverged,
    EnvBackendSpec,
    EnvironmentFault,
    Overrun,
    RlbenchError,
    Run,
    RunGroup,
    TaskInfo,
    TaskSampler,
    environments_of,
    stack_seeds,
)
from rlbench.runtime import checkpoint
from rlbench.runtime.algorithm_arrays import arrays_by_seed
from rlbench.runtime.checkpoint import SeedState
from rlbench.runtime.evaluation import Evaluator
from rlbench.runtime.global_random import seed_global_generators
from rlbench.runtime.live_interaction import LiveInteraction
from rlbench.runtime.record_sink import Sink
from rlbench.runtime.scheduled_evaluation import FINAL, EvaluationRunner
from rlbench.runtime.self_reported import SelfReportedLog
from rlbench.runtime.training_clock import TrainingClock
from rlbench.seeding import SeedStreams

Observe = Callable[[str, int, list[float]], None]


@dataclass
class GroupOutcome:
    """The result of a group. The dictionaries have the group's members as keys (see RunGroup.members).

    diverged_at: the step at which a member diverged. final: a member's final policy. failed: a description of the
    failure, if a member's environment failed; the member then has no final policy.
    wall_seconds: training time. elapsed_seconds: training and evaluation time. cpu_seconds: processor time of the whole
    group. The times are sums over attempts.
    """

    steps: int
    wall_seconds: float
    elapsed_seconds: float
    cpu_seconds: float
    resumed_from: int
    diverged_at: dict[int, int] = field(default_factory=dict)
    final: dict[int, dict[str, Array]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


class LiveGroup:
    """A group that is ready to train: algorithm, environments, streams and records, connected by its interaction.

    checkpoints: the folder for checkpoints; None: save none. restore: one SeedState per seed, all at the same step.
    approximate: resume even if environments cannot be restored exactly. approximated: whether this or an earlier
    attempt was resumed approximately. self_reported: the algorithm reports its own steps and returns
    (`Interaction.report`). make_sampler: makes a curriculum's sampler from the number of tasks. agents: the names of
    the agents of a multi-agent environment, else ().
    """

    def __init__(
        self,
        group: RunGroup,
        algorithm: type[Algorithm],
        config: Any,
        backend: EnvBackendSpec,
        sink: Sink,
        *,
        resumable: bool = False,
        checkpoints: Path | None = None,
        restore: Sequence[SeedState] = (),
        observe: Observe = lambda kind, step, returns: None,
        approximate: bool = False,
        self_reported: bool = False,
        make_sampler: Callable[[int], TaskSampler] | None = None,
    ) -> None:
        self.group, self._sink, self._checkpoints = group, sink, checkpoints
        self.streams = SeedStreams(group.seeds, group.seed_space, group.members)
        self.clock = TrainingClock(**restore[0].numbers["clock"]) if restore else TrainingClock()
        task, num_envs = group.task, environments_of(config)
        probe = backend.make_env(task)
        spaces = probe.observation_space, probe.action_space
        info = TaskInfo(task.env_id, *spaces, num_envs, task.steps, task.reward == "team")
        # A wrapper of the task may show all agents as one. The rewards of each agent are recorded nevertheless.
        layout: AgentLayout | None = getattr(probe.unwrapped, "layout", None)
        self.agents = () if layout is None else layout.agents
        _close(probe.close)

        def make_evaluator(lanes: int) -> Evaluator:
            return Evaluator(backend.make_batch(task, len(group.seeds) * lanes), lanes, self.streams)

        self._faults: dict[int, str] = {}  # descriptions of failed environments, by the seed's index
        self.evaluations = EvaluationRunner(
            task.evaluation, group.members, make_evaluator, self.clock, sink, observe, self._faults
        )
        self.interaction = LiveInteraction(
            task, backend, self.streams, num_envs, self.evaluations, sink, self._policy, self._faults
        )
        if self_reported:
            if len(group.seeds) != 1:
                raise RlbenchError(
                    "an algorithm that reports its own steps trains only one seed: register it with stackable=False"
                )
            self.interaction.self_reported = SelfReportedLog(
                task.evaluation, task.steps, group.seeds[0], sink, lambda: self.clock.seconds, observe
            )
        self.interaction.make_sampler = make_sampler
        self.interaction.scratch = str(checkpoints.parent) if checkpoints is not None else None
        seed_global_generators(self.streams)
        self.algorithm = algorithm(config, info, self.streams, Device(group.device, group.compile))
        self._resumed_from = 0
        self.approximated = False
        if restore:
            self._restore(restore, approximate)
        if resumable and checkpoints is not None:
            self.interaction.save, self.interaction.save_every = self._save, group.checkpoint_every
            self.interaction.schedule_save()

    @property
    def failed(self) -> dict[int, str]:
        """A description of the failure for each member whose environment failed, by member."""
        several, runs = len(self.group.seeds) > 1, self.group.runs
        return {
            self.group.members[index]: f"{self._name(runs[index])}: {fault}" if several else fault
            for index, fault in sorted(self._faults.items())
        }

    def _name(self, run: Run) -> str:
        return f"{run.label}, seed {run.seed}" if self.group.variants else f"seed {run.seed}"

    def progress(self) -> dict[str, int]:
        """Return the step reached, and a pulse that every step of training or evaluation changes. Thread-safe."""
        step = self.interaction.progress()
        return {"step": step, "pulse": step + self.evaluations.pulse()}

    def _policy(self) -> Any:
        return self.algorithm.policy(self.group.task.evaluation.policy)

    def run(self) -> GroupOutcome:
        """Train until the budget is spent, and evaluate the final policy. Raises: any error of the algorithm."""
        interaction = self.interaction
        try:
            self._train()
            interaction.record_means()
            wall_seconds = self.clock.seconds
            if interaction.self_reported is not None and interaction.active.any():
                interaction.self_reported.finish()
            elif interaction.active.any():
                budget = self.group.task.steps
                finite = self.evaluations.evaluate(self._policy(), FINAL, budget, interaction.steps, interaction.active)
                interaction.active = interaction.active & finite
            return self._outcome(wall_seconds)
        finally:
            _close(interaction.close)
            _close(self.evaluations.close)

    def _train(self) -> None:
        """Train until the budget is spent, or every seed has diverged or failed.

        Raises: RlbenchError if training ends earlier.
        """
        interaction, ended = self.interaction, None
        try:
            self.algorithm.train(interaction)
        except (BudgetExceeded, Diverged, EnvironmentFault) as end:
            ended = end
        except Overrun as error:
            raise RlbenchError(str(error)) from None
        if isinstance(ended, EnvironmentFault):
            if len(self._faults) < len(self.group.seeds):  # it belongs to no seed, so `failed` would not report it
                raise ended
            return
        if interaction.steps < self.group.task.steps and interaction.active.any():
            raise RlbenchError(
                f"`train` returned after {interaction.steps} of {self.group.task.steps} environment steps; "
                "it has to loop until `interaction.finished`"
            ) from ended

    def _outcome(self, wall_seconds: float) -> GroupOutcome:
        interaction = self.interaction
        if len(self._faults) == len(self.group.seeds):
            raise EnvironmentFault("; ".join(self.failed.values()))
        outcome = GroupOutcome(interaction.steps, wall_seconds, self.clock.elapsed, self.clock.cpu, self._resumed_from)
        outcome.failed = self.failed
        parked = interaction.batch.diverged_at if interaction.batch is not None else {}
        state = arrays_by_seed(self.algorithm.final_state(), len(self.group.seeds), "final_state")
        for index, member in enumerate(self.group.members):
            if member in outcome.failed:
                continue
            arrays = {name: array[index] for name, array in state.items()}
            if not interaction.active[index] or not all(_finite(array) for array in arrays.values()):
                outcome.diverged_at[member] = parked.get(index, interaction.steps)
            outcome.final[member] = arrays
        return outcome

    # -- checkpoints ---------------------------------------------------------------------------------------------
    def _save(self) -> None:
        with self.clock.paused():
            assert self._checkpoints is not None
            checkpoint.save(self._checkpoints, self.states(self.algorithm.state_to_write()))

    def states(self, learned: Mapping[str, Array] | None = None) -> list[SeedState]:
        """Return everything that is needed to resume, for each seed whose environments have not failed.

        learned: the algorithm's state; None: make a copy of it.
        """
        interaction = self.interaction
        batch = interaction.open_batch()
        learned = arrays_by_seed(self.algorithm.state() if learned is None else learned, len(self.group.seeds), "state")
        positions = self._sink.positions()
        states = []
        for index, member in enumerate(self.group.members):
            if index in self._faults:
                continue
            numbers, arrays = batch.state(index)
            entry = {
                "boundary": numbers,
                "streams": self.streams.state(index),
                "next_evaluation": interaction.schedule.next,
                "metric_means": interaction.means.state(index),
                "clock": {"spent": self.clock.seconds, "elapsed": self.clock.elapsed, "cpu": self.clock.cpu},
                "positions": positions,
                "diverged_at": batch.diverged_at.get(index),
                "approximated": self.approximated,
            }
            if interaction.curriculum is not None:
                entry["curriculum"] = interaction.curriculum.state(index)
            tensors = {f"env/{name}": array for name, array in arrays.items()}
            tensors |= {f"algorithm/{name}": np.asarray(array[index]) for name, array in learned.items()}
            states.append(SeedState(member, interaction.steps, entry, tensors))
        return states

    def _restore(self, states: Sequence[SeedState], approximate: bool) -> None:
        interaction = self.interaction
        self._resumed_from = interaction.steps = interaction.meter.steps = states[0].step
        interaction.schedule.next = states[0].numbers["next_evaluation"]
        if interaction.curriculum is not None:  # first, because it determines which environment replays an episode
            interaction.curriculum.load([s.numbers["curriculum"] for s in states])
        batch = interaction.open_batch([count + 1 for s in states for count in s.numbers["boundary"]["episode"]])
        exact = batch.load([(s.numbers["boundary"], _under("env/", s.arrays)) for s in states], approximate)
        self.approximated = not exact or any(s.numbers["approximated"] for s in states)
        batch.diverged_at |= {
            i: s.numbers["diverged_at"] for i, s in enumerate(states) if s.numbers["diverged_at"] is not None
        }
        interaction.means.load([s.numbers.get("metric_means", {}) for s in states])
        learned = [_under("algorithm/", s.arrays) for s in states]
        self.algorithm.load_state({name: stack_seeds([arrays[name] for arrays in learned]) for name in learned[0]})
        self.streams.load([s.numbers["streams"] for s in states])
        interaction.restored()


def _close(close: Callable[[], None]) -> None:
    """Close environments. Print an error instead of raising it, because no record depends on it.

    So the error neither fails a run nor hides another error.
    """
    try:
        close()
    except (Exception, SystemExit):  # noqa: BLE001 - a foreign environment may raise anything
        traceback.print_exc()


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _finite(array: Array) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
