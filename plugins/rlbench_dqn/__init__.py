"""Deep Q-learning as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Supports, hookimpl


def updates_per_step(c: Any) -> float:
    return 1.0 if c.gradient_steps < 0 else c.gradient_steps / c.train_every


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "dqn",
            "rlbench_dqn.dqn:DQN",
            Supports(discrete=True),
            summary="deep Q-learning (Mnih et al. 2015)",
            updates_per_step=updates_per_step,
        )
    ]
