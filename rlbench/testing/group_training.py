"""Training of a group in this process, with all its records in memory for bitwise comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rlbench.api import Algorithm, Array, EnvBackendSpec, EvaluationProtocol, EvaluationRecord, RunGroup, Task, Wrapper
from rlbench.envs.gymnasium_backend import reference_backend
from rlbench.runtime.live_group import GroupOutcome, LiveGroup
from rlbench.runtime.record_sink import MemorySink


@dataclass
class Played:
    """A trained group. sink: its records. learned: `state()` of the trained algorithm."""

    sink: MemorySink
    outcome: GroupOutcome
    learned: Mapping[str, Array]
    algorithm: Algorithm
    seeds: tuple[int, ...]

    def of_seed(self, seed: int) -> dict[str, Any]:
        """Return all results of one seed except times, in a form that `==` compares bit for bit.

        Arrays become bytes and the values of metrics become text, so that NaN equals NaN.
        """
        index = self.seeds.index(seed)
        return {
            "episodes": [e for e in self.sink.episodes if e.seed == seed],
            "evaluations": [without_time(e) for e in self.sink.evaluations if e.seed == seed],
            "metrics": [(m.step, m.name, float(m.value).hex()) for m in self.sink.metrics if m.seed == seed],
            "learned": {name: np.ascontiguousarray(array[index]).tobytes() for name, array in self.learned.items()},
        }


def without_time(record: EvaluationRecord) -> EvaluationRecord:
    """Return the record with `wall_seconds` set to 0."""
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
    wrappers: Sequence[Wrapper] = (),
) -> Played:
    """Train `algorithm` on one task in this process, on one thread, and return everything that it recorded.

    Despite its name, `play` trains. It does not play a trained policy.

    seeds: the seeds, which are trained together as one stack. steps: environment steps of each seed. kwargs: arguments
    of the environment. every: steps between evaluations on the grid; 0: evaluate only the final policy.
    episodes: episodes per evaluation on the grid. final_episodes: episodes of the final evaluation.
    compile: compile the updates. backend: the environment backend; None: Gymnasium. wrappers: the task's wrappers.
    self_reported: the algorithm reports its own steps (see AlgorithmSpec).
    Raises: any error of training.
    """
    torch.set_num_threads(1)
    backend = backend or reference_backend()
    protocol = EvaluationProtocol(every, episodes, final_episodes)
    task = Task(env_id, steps, protocol, kwargs or {}, tuple(wrappers), backend.name)
    group = RunGroup(algorithm.__name__, {}, task, tuple(seeds), compile=compile)
    sink = MemorySink()
    trained = LiveGroup(group, algorithm, config, backend, sink, self_reported=self_reported)
    outcome = trained.run()
    return Played(sink, outcome, dict(trained.algorithm.state()), trained.algorithm, tuple(seeds))
