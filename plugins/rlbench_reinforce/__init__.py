"""REINFORCE as an rlbench plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl

if TYPE_CHECKING:
    from rlbench_reinforce.reinforce import ReinforceConfig


def updates_per_step(c: ReinforceConfig) -> float:
    """Return the updates per environment step of a seed.

    Whenever each of the n_envs environments has taken n_steps steps, the seed makes at most one update of the policy
    and value_steps updates of the baseline.
    """
    return (1 + c.value_steps) / (c.n_envs * c.n_steps)


def storage(c: ReinforceConfig) -> list[Storage]:
    """Return the window of steps. Each step has a reward and flags: terminated, end of the episode, not yet used."""
    return [Storage(c.memory * c.n_envs, up_to_budget=False, numbers=1, flags=3)]


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "Monte Carlo policy gradient with a baseline (Williams 1992)"
    supports = Supports(discrete=True, continuous=True, multi_discrete=True, multi_binary=True, unbounded=True)
    return [
        AlgorithmSpec(
            "reinforce",
            "rlbench_reinforce.reinforce:Reinforce",
            supports,
            summary=summary,
            updates_per_step=updates_per_step,
            storage=storage,
        )
    ]
