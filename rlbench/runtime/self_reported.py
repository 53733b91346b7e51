"""Records of a run by its own account (metering "self-reported"): nobody else has counted its steps or played its policy.

Its points of the grid and its final score are its own evaluations where it reports some, else its latest training episodes.
Source: Machado et al. 2018, section 4.2 (performance from the last training episodes), arXiv:1709.06009.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from rlbench.api import EpisodeRecord, EvaluationProtocol, EvaluationRecord, RlbenchError
from rlbench.runtime.record_sink import Sink
from rlbench.runtime.scheduled_evaluation import FINAL, GRID, Grid

END, NO_SEED = "reported", -1  # of its episodes: how they ended, and the seed of their reset, which nobody knows


class Account:
    """What one run of one seed tells of itself, turned into records as it comes.

    seconds: the training clock. observe: told each record's kind, step and mean returns (for progress). latest: of how many
    training episodes the final score and each point of the grid are the mean; None: of as many as the protocol evaluates.
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
        self._grid = Grid(protocol.every, budget)
        self._counts = (protocol.episodes, protocol.final_episodes) if latest is None else (latest, latest)
        self._latest: deque[tuple[float, int]] = deque(maxlen=max(*self._counts, 1))
        self._count, self.step = 0, 0
        self._evaluation: tuple[float, ...] = ()  # the latest
        self._fresh = False  # it was reported since the last point of the grid

    @property
    def score_from(self) -> str:
        """What the final score is made of: "evaluation", the run's own, or "training", its latest training episodes."""
        return "evaluation" if self._evaluation else "training"

    def moved(self, step: int) -> bool:
        """So many steps have been taken. Returns: whether they lie within the budget. Raises: RlbenchError if they fell."""
        if step < self.step:
            raise RlbenchError(f"it reported step {step} after step {self.step}")
        self._pass(min(step - 1, self._budget))  # more may be told of `step` itself
        self.step = min(step, self._budget)
        return step <= self._budget

    def episode(self, step: int, return_: float, length: int = 0) -> None:
        """A training episode has ended. length: 0 where it is not known. What lies beyond the budget is left out."""
        if self.moved(step):
            self._latest.append((return_, length))
            self._sink.episode(EpisodeRecord(self._seed, step, 0, self._count, NO_SEED, return_, length, END))
            self._count += 1

    def evaluation(self, step: int, returns: Sequence[float]) -> None:
        """It has evaluated its policy itself: each episode's return. What lies beyond the budget is left out."""
        if self.moved(step) and returns:
            self._fresh, self._evaluation = True, tuple(returns)

    def finish(self) -> None:
        """Record the final score. Raises: RlbenchError if nothing was reported to make it of."""
        self._pass(self._budget)
        returns, lengths = self._evaluation, (0,) * len(self._evaluation)
        if not returns:
            returns, lengths = self._episodes(self._counts[1])
        if not returns:
            raise RlbenchError("it reported neither an episode nor an evaluation, so it has no score")
        self._record(FINAL, self._budget, returns, lengths)

    def _pass(self, step: int) -> None:
        """Record the last point of the grid up to `step`, with what is known of it."""
        nominal = self._grid.cross(step)
        if nominal is None:
            return
        returns, lengths = self._evaluation, (0,) * len(self._evaluation)
        if not returns:
            returns, lengths = self._episodes(self._counts[0])
        elif not self._fresh:  # it evaluates more seldom than the grid asks for
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
