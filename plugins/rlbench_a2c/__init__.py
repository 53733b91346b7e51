"""Advantage actor-critic as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Supports, hookimpl


def updates_per_step(c: Any) -> float:
    """Return the updates per step of one seed: one for each rollout."""
    return 1 / (c.n_envs * c.n_steps)


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "synchronous advantage actor-critic (Mnih et al. 2016)"
    supports = Supports(discrete=True, continuous=True)
    return [AlgorithmSpec("a2c", "rlbench_a2c.a2c:A2C", supports, summary=summary, updates_per_step=updates_per_step)]
