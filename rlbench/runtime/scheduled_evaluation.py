"""Scheduled evaluations: they are played at the points of the evaluation grid, with the training clock paused."""

from __future__ import annotations

from collections.abc import Callable

from rlbench.api import Array, EvaluationProtocol, EvaluationRecord, Policy
from rlbench.runtime.evaluation import Evaluator, evaluation_environments
from rlbench.runtime.global_random import kept_global_generators
from rlbench.runtime.record_sink import Sink
from rlbench.runtime.training_clock import TrainingClock

NEVER = 1 << 62
FINAL = "final"
GRID = "grid"


class EvaluationSchedule:
    """The steps at which policies are evaluated: every, 2·every, … up to the budget. Training may step past them."""

    def __init__(self, every: int, budget: int) -> None:
        self._every, self._budget = every, budget
        self.next = every if 0 < every <= budget else NEVER

    def cross(self, steps: int) -> int | None:
        """Return the last point that `steps` has reached, or None if there is none or an earlier call returned it."""
        if steps < self.next:
            return None
        nominal = min(steps, self._budget) // self._every * self._every
        self.next = nominal + self._every if nominal + self._every <= self._budget else NEVER
        return nominal


class EvaluationRunner:
    """Evaluates the seeds' policies and writes the records.

    make_evaluator: creates the evaluation environments, at the first evaluation. observe: called with the kind, step
    and mean returns of each evaluation, to show progress. faults: a mapping that receives descriptions of failed
    environments, by the seed's index.
    """

    def __init__(
        self,
        protocol: EvaluationProtocol,
        seeds: tuple[int, ...],
        make_evaluator: Callable[[int], Evaluator],
        clock: TrainingClock,
        sink: Sink,
        observe: Callable[[str, int, list[float]], None],
        faults: dict[int, str],
    ) -> None:
        self._protocol, self._seeds, self._clock, self._sink = protocol, seeds, clock, sink
        self._make_evaluator, self._observe, self._faults = make_evaluator, observe, faults
        self._evaluator: Evaluator | None = None

    def evaluate(self, policy: Policy, kind: str, nominal: int, step: int, active: Array) -> Array:
        """Play one evaluation and record it for the active seeds. Returns: which seeds had only finite numbers [S]."""
        episodes = self._protocol.final_episodes if kind == FINAL else self._protocol.episodes
        if episodes == 0:
            return active.copy()
        with self._clock.paused(), kept_global_generators():
            if self._evaluator is None:
                self._evaluator = self._make_evaluator(evaluation_environments(self._protocol))
            played = self._evaluator.play(policy, kind, step, episodes)
            for index, seed in enumerate(self._seeds):
                if active[index] and played.finite[index]:
                    returns, lengths = played.returns[index], played.lengths[index]
                    by_agent = played.agent_returns[index]  # [episodes, G]
                    self._sink.evaluation(
                        EvaluationRecord(
                            seed,
                            nominal,
                            step,
                            kind,
                            float(returns.mean()),
                            float(returns.std()),
                            float(lengths.mean()),
                            tuple(returns.tolist()),
                            tuple(lengths.tolist()),
                            self._clock.seconds,
                            tuple(map(tuple, by_agent.tolist())) if by_agent.size else (),
                        )
                    )
            for index, fault in played.faults.items():
                if active[index]:  # alone, a seed that has diverged is evaluated no more
                    self._faults.setdefault(index, f"{fault} in the evaluation at step {step}")
            self._observe(kind, step, played.returns.mean(1).tolist())
        return played.finite

    def pulse(self) -> int:
        """Return how many steps evaluations have taken so far. A step of all environments together counts once."""
        return self._evaluator.batch_steps if self._evaluator is not None else 0

    def close(self) -> None:
        if self._evaluator is not None:
            self._evaluator.close()
