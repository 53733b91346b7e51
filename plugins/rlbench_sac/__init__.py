"""Soft actor-critic as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Supports, hookimpl


def updates_per_step(c: Any) -> float:
    return 1.0 if c.gradient_steps < 0 else c.gradient_steps / c.train_every


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "soft actor-critic with a learned temperature (Haarnoja et al. 2018)"
    return [
        AlgorithmSpec(
            "sac", "rlbench_sac.sac:SAC", Supports(continuous=True), summary=summary, updates_per_step=updates_per_step
        )
    ]
