"""Where each seed of a group is in its curriculum: which stage its next episodes use, and what decides about the next.

Each seed has its own stage, episodes and random stream, so it does not depend on the other seeds of its stack. All its
environments share them. A stage is chosen when an episode begins, so no episode has two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rlbench.api import STAGE_METRIC, Curriculum, EpisodeRecord, MetricRecord, RlbenchError, TaskSampler
from rlbench.envs.meter import Meter
from rlbench.runtime.metric_means import MetricMeans
from rlbench.runtime.record_sink import Sink
from rlbench.seeding import SeedStreams

STREAM = "curriculum"


class CurriculumProgress:
    """The stages of S seeds, counted from 0; the last is the target.

    make_sampler: called with the number of tasks, if a sampler chooses. entered: called with the index of a seed and a
    stage: each time the seed enters another stage or, with a sampler, for each episode.
    """

    def __init__(
        self,
        curriculum: Curriculum,
        streams: SeedStreams,
        entered: Callable[[int, int], None],
        make_sampler: Callable[[int], TaskSampler] | None = None,
    ) -> None:
        if curriculum.sampler and make_sampler is None:
            raise RlbenchError(f"the curriculum's sampler {curriculum.sampler!r} is not loaded")
        self._curriculum, self._streams, self._entered = curriculum, streams, entered
        members, tasks = streams.members, len(curriculum.stages) + 1
        self._tasks, self._index = tasks, {member: index for index, member in enumerate(members)}
        self._samplers = [make_sampler(tasks) for _ in members] if curriculum.sampler and make_sampler else []
        self._stage, self._since = [0] * len(members), [0] * len(members)
        self._returns: list[list[float]] = [[] for _ in members]  # of the seed's stage, as many as it looks at
        self._shown = [-1] * len(members)  # the stage that `entered` was last told
        self._open: list[dict[int, int]] = [{} for _ in members]  # the stage of the open episode, by environment
        self._restored: list[dict[int, int]] = [{} for _ in members]  # of episodes that are replayed after a resume

    def begin(self, seed_index: int, rank: int) -> int:
        """Return the stage of the next episode of one environment of a seed."""
        if rank in self._restored[seed_index]:
            return self._restored[seed_index].pop(rank)
        stage = self._choose(seed_index) if self._samplers else self._stage[seed_index]
        self._open[seed_index][rank] = stage
        if self._samplers or stage != self._shown[seed_index]:
            self._shown[seed_index] = stage
            self._entered(seed_index, stage)
        return stage

    def _choose(self, seed_index: int) -> int:
        chosen = self._samplers[seed_index].choose(self._streams.generators(STREAM)[seed_index])
        if not 0 <= chosen < self._tasks or chosen != int(chosen):
            name = self._curriculum.sampler
            raise RlbenchError(f"the sampler {name!r} chose the task {chosen!r}; there are 0 to {self._tasks - 1}")
        return int(chosen)

    def ended(self, episode: EpisodeRecord) -> None:
        """Take note of an episode that ended, and move its seed to the next stage if it is time to.

        What an algorithm abandoned has no return of its own: it counts only as time.
        """
        index = self._index[episode.seed]
        stage, whole = self._open[index].get(episode.rank), episode.end != "abandoned"
        if self._samplers:
            if whole and stage is not None:
                self._samplers[index].update(stage, episode.return_)
            return
        current = self._stage[index]
        if current == len(self._curriculum.stages):
            return
        until = self._curriculum.stages[current]
        if until.mean_return is None:
            over = until.steps is not None and episode.step - self._since[index] >= until.steps
        else:
            most = until.episodes or 1
            if whole and stage == current:  # not of an episode that began in the stage before
                self._returns[index] = [*self._returns[index], episode.return_][-most:]
            returns = self._returns[index]
            over = len(returns) == most and sum(returns) / most >= until.mean_return
        if over:
            self._stage[index], self._since[index], self._returns[index] = current + 1, episode.step, []

    def state(self, seed_index: int) -> dict[str, Any]:
        """Return all that decides about one seed's stages, apart from its stream, as JSON values."""
        sampler = self._samplers[seed_index].state() if self._samplers else None
        return {
            "stage": self._stage[seed_index],
            "since": self._since[seed_index],
            "returns": self._returns[seed_index],
            "open": {str(rank): stage for rank, stage in self._open[seed_index].items()},
            "sampler": sampler,
        }

    def load(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Restore one `state` for each seed. The first `begin` of each environment then returns its stage of then."""
        for index, state in enumerate(states):
            self._stage[index], self._since[index] = int(state["stage"]), int(state["since"])
            self._returns[index] = [float(value) for value in state["returns"]]
            self._open[index] = {int(rank): int(stage) for rank, stage in state["open"].items()}
            self._restored[index] = dict(self._open[index])
            self._shown[index] = self._stage[index]
            if self._samplers:
                self._samplers[index].load(state["sampler"])


def stage_records(
    curriculum: Curriculum, members: Sequence[int], meter: Meter, sink: Sink, means: MetricMeans
) -> Callable[[int, int], None]:
    """Return the function that records what a seed has entered, as metrics.

    The stages of a sequence are recorded when they are entered, counted from 1. If a sampler chooses, the share of each
    task in the episodes is recorded, as a mean between two points of the evaluation grid.
    """
    everyone, tasks = np.ones(len(members), bool), range(len(curriculum.stages) + 1)

    def record(seed_index: int, stage: int) -> None:
        if not curriculum.sampler:
            sink.metric(MetricRecord(members[seed_index], meter.steps, STAGE_METRIC, stage + 1.0))
            return
        shares = {f"share_of_task_{task + 1}": float(task == stage) for task in tasks}
        means.add(shares, everyone, np.arange(len(members)) == seed_index)

    return record
