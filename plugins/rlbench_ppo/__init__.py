"""Proximal policy optimisation as an rlbench plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl, storage_of_rollout

if TYPE_CHECKING:
    from rlbench_ppo.ppo import PPOConfig


def updates_per_step(c: PPOConfig) -> float:
    """Return the updates per step of one seed: n_epochs passes over the minibatches of each rollout."""
    return c.n_epochs / min(c.batch_size, c.n_envs * c.n_steps)


def storage(c: PPOConfig) -> tuple[Storage, ...]:
    """Return the rollout. Each step has a log-probability, a reward and two flags: terminated, end of the episode."""
    return storage_of_rollout(c, numbers=2, flags=2)


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "proximal policy optimisation (Schulman et al. 2017)"
    supports = Supports(
        discrete=True,
        continuous=True,
        multi_discrete=True,
        multi_binary=True,
        unbounded=True,
        action_masks=True,
        pixels=True,
        smallest_image=4,
        packed=True,
    )
    return [
        AlgorithmSpec(
            "ppo", "rlbench_ppo.ppo:PPO", supports, summary=summary, updates_per_step=updates_per_step, storage=storage
        )
    ]
