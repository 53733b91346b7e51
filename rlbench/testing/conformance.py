"""What every algorithm that claims it must show: the same numbers in any stack, and after a resume.

Each check trains tiny groups in this process and raises AssertionError where a rule is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rlbench.api import Algorithm, EvaluationProtocol, RunGroup, Task
from rlbench.envs.gymnasium_backend import rlbench_env_backends
from rlbench.runtime import checkpoint
from rlbench.runtime.live_group import LiveGroup
from rlbench.runtime.record_sink import MemorySink
from rlbench.testing.group_training import Played, play

SEED = 3
STACKS = ((SEED,), (7, SEED, 11, 5), (5, 11, SEED))


def check_independence(
    algorithm: type[Algorithm], config: Any, env_id: str, steps: int, kwargs: Mapping[str, Any] | None = None
) -> None:
    """A run's records and weights do not depend on its stack-mates, bit for bit."""
    runs = [play(algorithm, config, env_id, seeds, steps, kwargs=kwargs, every=max(1, steps // 3)) for seeds in STACKS]
    alone, *stacked = [run.of_seed(SEED) for run in runs]
    assert alone["evaluations"] and alone["episodes"], "too few steps to compare anything"
    for other in stacked:
        for what, value in alone.items():
            assert other[what] == value, f"{what} of seed {SEED} depend on who shares its stack"


def check_resume(
    algorithm: type[Algorithm],
    config: Any,
    env_id: str,
    steps: int,
    folder: Path,
    kwargs: Mapping[str, Any] | None = None,
    every: int = 0,
    compile: bool = False,
) -> int:
    """A run that goes on from a checkpoint ends with the same records and weights as one in one go.

    every: steps between checkpoints, by default a fifth of the budget; compile: its updates are compiled. Returns: the step of the checkpoint used.
    """
    torch.set_num_threads(1)
    protocol = EvaluationProtocol(max(1, steps // 4), 2, 2)
    task = Task(env_id, steps, protocol, kwargs or {})
    group = RunGroup(algorithm.__name__, {}, task, (SEED, 8), compile=compile, checkpoint_every=every or steps // 5)

    def live(sink: MemorySink, **more: Any) -> LiveGroup:
        return LiveGroup(group, algorithm, config, rlbench_env_backends()[0], sink, **more)

    whole_sink, sink = MemorySink(), MemorySink()
    whole = live(whole_sink, resumable=True, checkpoints=folder / "checkpoints")
    outcome = whole.run()
    made = checkpoint.complete(folder / "checkpoints")
    assert made, "no checkpoint was made: does train call interaction.checkpoint(self) in its loop?"
    at = made[-1]
    states = [checkpoint.load(at, seed) for seed in group.seeds]
    again = live(sink, resumable=True, checkpoints=folder / "again", restore=states)
    again_outcome = again.run()
    step, positions = states[0].step, states[0].numbers["positions"]
    assert 0 < step < steps, "no checkpoint before the end: does train call interaction.checkpoint(self) in its loop?"
    for table in ("episodes", "evaluations", "metrics"):
        setattr(sink, table, getattr(whole_sink, table)[: positions[table]] + getattr(sink, table))
    ran = [
        Played(kept, ended, dict(group_.algorithm.state()), group_.algorithm, group.seeds)
        for kept, ended, group_ in ((whole_sink, outcome, whole), (sink, again_outcome, again))
    ]
    for seed in group.seeds:
        one, other = (played.of_seed(seed) for played in ran)
        for what, value in one.items():
            assert other[what] == value, f"{what} of seed {seed} differ after going on from step {step}"
    return step
