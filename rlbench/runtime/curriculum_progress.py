"""Progress of a group's seeds through a curriculum: the stage of each seed's next episode, and the change of stages.

Each seed has its own stage, episodes and random stream, so it does not depend on the other seeds of its stack. All
environments of a seed share these. A stage is chosen when an episode begins, so each episode has one stage.
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
    """The current stages of S seeds. Stages are counted from 0, and the last stage is the target.

    make_sampler: makes a sampler from the number of tasks; needed if the curriculum has a sampler. entered: called with
    a seed's index and a stage whenever the seed enters another stage. With a sampler, it is called for each episode.
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
        self._returns: list[list[float]] = [[] for _ in members]  # the latest returns in the seed's stage
        self._shown = [-1] * len(members)  # the stage with which `entered` was last called
        self._open: list[dict[int, int]] = [{} for _ in members]  # the stage of the open episode, by environment
        self._restored: list[dict[int, int]] = [{} for _ in members]  # the same for episodes that a resume replays

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
        """Record an episode that has ended. If the condition of the seed's stage is met, move the seed to the next one.

        The steps of an abandoned episode count, but its return does not.
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
            if whole and stage == current:  # an episode that began in the previous stage does not count
                self._returns[index] = [*self._returns[index], episode.return_][-most:]
            returns = self._returns[index]
            over = len(returns) == most and sum(returns) / most >= until.mean_return
        if over:
            self._stage[index], self._since[index], self._returns[index] = current + 1, episode.step, []

    def state(self, seed_index: int) -> dict[str, Any]:
        """Return everything that determines one seed's stages, except its random stream, as JSON values."""
        sampler = self._samplers[seed_index].state() if self._samplers else None
        return {
            "stage": self._stage[seed_index],
            "since": self._since[seed_index],
            "returns": self._returns[seed_index],
            "open": {str(rank): stage for rank, stage in self._open[seed_index].items()},
            "sampler": sampler,
        }

    def load(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Restore one `state` for each seed. An environment's first `begin` then returns its open episode's stage."""
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
    """Return the function (seed index, stage) that records the stages that seeds enter, as metrics.

    In a sequence, a stage is recorded when a seed enters it, counted from 1. If a sampler chooses, each task's share of
    the episodes is recorded, as a mean between two points of the evaluation grid.
    """
    everyone, tasks = np.ones(len(members), bool), range(len(curriculum.stages) + 1)

    def record(seed_index: int, stage: int) -> None:
        if not curriculum.sampler:
            sink.metric(MetricRecord(members[seed_index], meter.steps, STAGE_METRIC, stage + 1.0))
            return
        shares = {f"share_of_task_{task + 1}": float(task == stage) for task in tasks}
        means.add(shares, everyone, np.arange(len(members)) == seed_index)

    return record
