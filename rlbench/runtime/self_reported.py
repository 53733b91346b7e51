"""Records of a self-reported run, whose steps rlbench did not count and whose policy it did not evaluate.

If the run reports its own evaluations, they determine the learning curve and the final score. Otherwise its latest
training episodes determine both. Source: Machado et al. 2018, section 4.2 (performance from the last training
episodes), arXiv:1709.06009.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from rlbench.api import EpisodeRecord, EvaluationProtocol, EvaluationRecord, RlbenchError
from rlbench.runtime.record_sink import Sink
from rlbench.runtime.scheduled_evaluation import FINAL, GRID, EvaluationSchedule

END, NO_SEED = "reported", -1  # recorded as an episode's end and reset seed, which are unknown


class SelfReportedLog:
    """The reports of one run, converted to records.

    seconds: returns the time of the training clock. observe: called with the kind, step and mean returns of each
    record, to show progress. latest: how many training episodes are averaged for the final score and for each point of
    the learning curve; None: as many episodes as the protocol evaluates.
    """

    def __init__(
        self,
        protocol: EvaluationProtocol,
        budget: int,
        seed: int,
        sink: Sink,
        seconds: Callable[[], float],
        observe: Callable[[str, int, list[float]], None] = lambda kind, step, returns: None,
        latest: int | None = None,
    ) -> None:
        self._budget, self._seed, self._sink = budget, seed, sink
        self._seconds, self._observe = seconds, observe
        self._schedule = EvaluationSchedule(protocol.every, budget)
        self._counts = (protocol.episodes, protocol.final_episodes) if latest is None else (latest, latest)
        self._latest: deque[tuple[float, int]] = deque(maxlen=max(*self._counts, 1))
        self._count, self.step = 0, 0
        self._evaluation: tuple[float, ...] = ()  # returns of the latest reported evaluation
        self._fresh = False  # whether that evaluation was reported after the last recorded point

    @property
    def score_from(self) -> str:
        """The source of the final score: "evaluation" (the run's own), or "training" (its latest training episodes)."""
        return "evaluation" if self._evaluation else "training"

    def advance(self, step: int) -> bool:
        """Move to `step`. Returns: whether `step` is within the budget. Raises: RlbenchError for an earlier step."""
        if step < self.step:
            raise RlbenchError(f"reported step {step} after step {self.step}")
        self._record_point(min(step - 1, self._budget))  # `step` itself may still get more reports
        self.step = min(step, self._budget)
        return step <= self._budget

    def episode(self, step: int, return_: float, length: int = 0) -> None:
        """Record a finished training episode, if it is within the budget. length: 0 if it is not known."""
        if self.advance(step):
            self._latest.append((return_, length))
            self._sink.episode(EpisodeRecord(self._seed, step, 0, self._count, NO_SEED, return_, length, END))
            self._count += 1

    def evaluation(self, step: int, returns: Sequence[float]) -> None:
        """Record the run's own evaluation, if it is within the budget. returns: the return of each episode."""
        if self.advance(step) and returns:
            self._fresh, self._evaluation = True, tuple(returns)

    def finish(self, final: Sequence[float] = ()) -> None:
        """Record the final score.

        final: the returns of an evaluation after training; if given, the score is their mean. Raises: RlbenchError if
        neither an episode nor an evaluation was reported.
        """
        self._record_point(self._budget)
        if final:
            self._evaluation = tuple(final)
        returns, lengths = self._evaluation, (0,) * len(self._evaluation)
        if not returns:
            returns, lengths = self._episodes(self._counts[1])
        if not returns:
            raise RlbenchError("neither an episode nor an evaluation was reported, so there is no score")
        self._record(FINAL, self._budget, returns, lengths)

    def _record_point(self, step: int) -> None:
        """Record the last point of the schedule up to `step`, from the reports so far."""
        nominal = self._schedule.cross(step)
        if nominal is None:
            return
        returns, lengths = self._evaluation, (0,) * len(self._evaluation)
        if not returns:
            returns, lengths = self._episodes(self._counts[0])
        elif not self._fresh:  # the run evaluates less often than the schedule requires
            return
        if returns:
            self._record(GRID, nominal, returns, lengths)
        self._fresh = False

    def _episodes(self, count: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
        latest = list(self._latest)[-count:] if count else []
        return tuple(r for r, _ in latest), tuple(n for _, n in latest)

    def _record(self, kind: str, nominal: int, returns: tuple[float, ...], lengths: tuple[int, ...]) -> None:
        mean, deviation, length = float(np.mean(returns)), float(np.std(returns)), float(np.mean(lengths))
        self._sink.evaluation(
            EvaluationRecord(
                self._seed, nominal, nominal, kind, mean, deviation, length, returns, lengths, self._seconds()
            )
        )
        self._observe(kind, nominal, [mean])
