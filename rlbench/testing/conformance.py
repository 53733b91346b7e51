"""Checks that an algorithm computes the same numbers in any stack, and the same numbers after a resume.

Each check trains small groups in this process, and raises AssertionError if the numbers differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rlbench.api import Algorithm, EnvBackendSpec, EvaluationProtocol, RunGroup, Task, Wrapper
from rlbench.envs.gymnasium_backend import reference_backend
from rlbench.runtime import checkpoint
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.testing.group_training import Played, play

SEED = 3
STACKS = ((SEED,), (7, SEED, 11, 5), (5, 11, SEED))


def check_independence(
    algorithm: type[Algorithm],
    config: Any,
    env_id: str,
    steps: int,
    kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[Wrapper] = (),
    backend: EnvBackendSpec | None = None,
) -> None:
    """Check that a run's records and weights do not depend on its stack-mates, bit for bit.

    kwargs, wrappers: of the environment. backend: makes the environment; None: Gymnasium.
    """
    options: dict[str, Any] = {"every": max(1, steps // 3), "wrappers": wrappers, "backend": backend}
    runs = [play(algorithm, config, env_id, seeds, steps, kwargs=kwargs, **options) for seeds in STACKS]
    alone, *stacked = [run.of_seed(SEED) for run in runs]
    assert alone["evaluations"] and alone["episodes"], "too few steps to compare anything"
    for other in stacked:
        for name, value in alone.items():
            assert other[name] == value, f"{name} of seed {SEED} depend on the other seeds of its stack"


def check_resume(
    algorithm: type[Algorithm],
    config: Any,
    env_id: str,
    steps: int,
    folder: Path,
    kwargs: Mapping[str, Any] | None = None,
    every: int = 0,
    compile: bool = False,
    wrappers: Sequence[Wrapper] = (),
    backend: EnvBackendSpec | None = None,
) -> int:
    """Check that a resumed run ends with the same records and weights as an uninterrupted one.

    every: steps between checkpoints; 0: a fifth of the budget. compile: compile the updates. backend: makes the
    environment; None: Gymnasium. Returns: the step of the checkpoint from which the run resumed.
    """
    torch.set_num_threads(1)
    protocol = EvaluationProtocol(max(1, steps // 4), 2, 2)
    spec = backend or reference_backend()
    task = Task(env_id, steps, protocol, kwargs or {}, tuple(wrappers), spec.name)
    group = RunGroup(algorithm.__name__, {}, task, (SEED, 8), compile=compile, checkpoint_every=every or steps // 5)

    def live_group(sink: MemorySink, **options: Any) -> LiveGroup:
        return LiveGroup(group, algorithm, config, spec, sink, **options)

    full_sink, sink = MemorySink(), MemorySink()
    full = live_group(full_sink, resumable=True, checkpoints=folder / "checkpoints")
    outcome = full.run()
    checkpoints = checkpoint.complete(folder / "checkpoints")
    assert checkpoints, "no checkpoint was saved: does train call interaction.checkpoint() in its loop?"
    states = [checkpoint.load(checkpoints[-1], seed) for seed in group.seeds]
    resumed = live_group(sink, resumable=True, checkpoints=folder / "resumed", restore=states)
    resumed_outcome = resumed.run()
    step, positions = states[0].step, states[0].numbers["positions"]
    assert 0 < step < steps, "no checkpoint before the end: does train call interaction.checkpoint() in its loop?"
    for table in ("episodes", "evaluations", "metrics"):
        setattr(sink, table, getattr(full_sink, table)[: positions[table]] + getattr(sink, table))
    results = [
        Played(records, end, dict(trained.algorithm.state()), trained.algorithm, group.seeds)
        for records, end, trained in ((full_sink, outcome, full), (sink, resumed_outcome, resumed))
    ]
    for seed in group.seeds:
        expected, actual = (result.of_seed(seed) for result in results)
        for name, value in expected.items():
            assert actual[name] == value, f"{name} of seed {seed} differ after resuming from step {step}"
    return step
