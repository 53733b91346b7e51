"""Advantage actor-critic as an rlbench plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl, storage_of_rollout

if TYPE_CHECKING:
    from rlbench_a2c.a2c import A2CConfig


def updates_per_step(c: A2CConfig) -> float:
    """Return the updates per step of one seed: one for each rollout."""
    return 1 / (c.n_envs * c.n_steps)


def storage(c: A2CConfig) -> tuple[Storage, ...]:
    """Return the rollout. Each step has a reward and two flags: terminated, and end of the episode."""
    return storage_of_rollout(c, numbers=1, flags=2)


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "synchronous advantage actor-critic (Mnih et al. 2016)"
    supports = Supports(
        discrete=True,
        continuous=True,
        multi_discrete=True,
        multi_binary=True,
        unbounded=True,
        pixels=True,
        smallest_image=4,
        packed=True,
    )
    return [
        AlgorithmSpec(
            "a2c", "rlbench_a2c.a2c:A2C", supports, summary=summary, updates_per_step=updates_per_step, storage=storage
        )
    ]
