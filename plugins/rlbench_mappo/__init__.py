"""Multi-agent proximal policy optimisation as an rlbench plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl, storage_of_rollout

if TYPE_CHECKING:
    from rlbench_mappo.mappo import MAPPOConfig


def updates_per_step(c: MAPPOConfig) -> float:
    """Return the updates per step of one seed: n_epochs passes over the minibatches of each rollout."""
    return c.n_epochs / min(c.batch_size, c.n_envs * c.n_steps)


def storage(c: MAPPOConfig) -> tuple[Storage, ...]:
    """Return the rollout. Each agent has a log-probability, a reward, a discount and an end in each step."""
    return storage_of_rollout(c, numbers=0, agent_numbers=3, agent_flags=1)


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "PPO for several agents with a central critic (Yu et al. 2022)"
    supports = Supports(
        discrete=True, continuous=True, unbounded=True, action_masks=True, multi_agent=True, single_agent=False
    )
    target = "rlbench_mappo.mappo:MAPPO"
    return [
        AlgorithmSpec("mappo", target, supports, summary=summary, updates_per_step=updates_per_step, storage=storage)
    ]
