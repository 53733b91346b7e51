"""Train a group in this process and keep everything it did, for comparisons bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rlbench.api import Algorithm, Array, EnvBackendSpec, EvaluationProtocol, EvaluationRecord, RunGroup, Task
from rlbench.envs.gymnasium_backend import reference_backend
from rlbench.runtime.live_group import GroupOutcome, LiveGroup
from rlbench.runtime.record_sink import MemorySink


@dataclass
class Played:
    """What a group did: its records, its outcome, and `state()` of the trained algorithm."""

    sink: MemorySink
    outcome: GroupOutcome
    learned: Mapping[str, Array]
    algorithm: Algorithm
    seeds: tuple[int, ...]

    def of_seed(self, seed: int) -> dict[str, Any]:
        """Everything about one seed but times: comparable with == (arrays as bytes, so NaN equals NaN)."""
        index = self.seeds.index(seed)
        return {
            "episodes": [e for e in self.sink.episodes if e.seed == seed],
            "evaluations": [untimed(e) for e in self.sink.evaluations if e.seed == seed],
            "metrics": [m for m in self.sink.metrics if m.seed == seed],
            "learned": {name: np.ascontiguousarray(array[index]).tobytes() for name, array in self.learned.items()},
        }


def untimed(record: EvaluationRecord) -> EvaluationRecord:
    return record._replace(wall_seconds=0.0)


def play(
    algorithm: type[Algorithm],
    config: Any,
    env_id: str,
    seeds: Sequence[int],
    steps: int,
    *,
    kwargs: Mapping[str, Any] | None = None,
    every: int = 0,
    episodes: int = 2,
    final_episodes: int = 2,
    compile: bool = False,
    backend: EnvBackendSpec | None = None,
    self_reported: bool = False,
) -> Played:
    """Train `algorithm` for `steps` steps on one thread. every: of the evaluation grid, 0: final only; backend: instead
    of Gymnasium; self_reported: it is taken at its word.
    """
    torch.set_num_threads(1)
    backend = backend or reference_backend()
    protocol = EvaluationProtocol(every, episodes, final_episodes)
    task = Task(env_id, steps, protocol, kwargs or {}, backend=backend.name)
    group = RunGroup(algorithm.__name__, {}, task, tuple(seeds), compile=compile)
    sink = MemorySink()
    live = LiveGroup(group, algorithm, config, backend, sink, self_reported=self_reported)
    outcome = live.run()
    return Played(sink, outcome, dict(live.algorithm.state()), live.algorithm, tuple(seeds))
