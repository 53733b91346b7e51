"""Deep Q-learning with prioritized replay as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Supports, hookimpl


def updates_per_step(c: Any) -> float:
    return 1.0 if c.gradient_steps < 0 else c.gradient_steps / c.train_every


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "double deep Q-learning with prioritized replay (Schaul et al. 2016)"
    return [
        AlgorithmSpec(
            "per_dqn",
            "rlbench_per_dqn.per_dqn:PERDQN",
            Supports(discrete=True),
            summary=summary,
            updates_per_step=updates_per_step,
        )
    ]
