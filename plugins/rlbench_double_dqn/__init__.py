"""Double deep Q-learning as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Supports, hookimpl


def updates_per_step(c: Any) -> float:
    return 1.0 if c.gradient_steps < 0 else c.gradient_steps / c.train_every


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "double deep Q-learning (van Hasselt et al. 2016)"
    return [
        AlgorithmSpec(
            "double_dqn",
            "rlbench_double_dqn.double_dqn:DoubleDQN",
            Supports(discrete=True),
            summary=summary,
            updates_per_step=updates_per_step,
        )
    ]
