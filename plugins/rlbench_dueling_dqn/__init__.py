"""Dueling deep Q-learning as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Supports, hookimpl


def updates_per_step(c: Any) -> float:
    return 1.0 if c.gradient_steps < 0 else c.gradient_steps / c.train_every


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "dueling deep Q-learning (Wang et al. 2016)"
    return [
        AlgorithmSpec(
            "dueling_dqn",
            "rlbench_dueling_dqn.dueling_dqn:DuelingDQN",
            Supports(discrete=True),
            summary=summary,
            updates_per_step=updates_per_step,
        )
    ]
