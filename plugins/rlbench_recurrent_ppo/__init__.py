"""Proximal policy optimisation with an LSTM as an rlbench plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl, storage_of_rollout

if TYPE_CHECKING:
    from rlbench_recurrent_ppo.recurrent_ppo import RecurrentPPOConfig


def storage(c: RecurrentPPOConfig) -> tuple[Storage, ...]:
    """Return the rollout. Each step has a log-probability, a reward and flags: start, terminated, end of episode."""
    return storage_of_rollout(c, numbers=2, flags=3)


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "proximal policy optimisation with a memory (LSTM)"
    supports = Supports(
        discrete=True,
        continuous=True,
        multi_discrete=True,
        multi_binary=True,
        unbounded=True,
        action_masks=True,
    )
    target = "rlbench_recurrent_ppo.recurrent_ppo:RecurrentPPO"
    return [AlgorithmSpec("recurrent_ppo", target, supports, summary=summary, storage=storage)]
