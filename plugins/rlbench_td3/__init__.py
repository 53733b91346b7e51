"""Twin delayed deep deterministic policy gradient as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Supports, hookimpl


def updates_per_step(c: Any) -> float:
    return 1.0 if c.gradient_steps < 0 else c.gradient_steps / c.train_every


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "twin delayed deep deterministic policy gradient (Fujimoto et al. 2018)"
    return [
        AlgorithmSpec(
            "td3", "rlbench_td3.td3:TD3", Supports(continuous=True), summary=summary, updates_per_step=updates_per_step
        )
    ]
