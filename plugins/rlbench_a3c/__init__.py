"""Asynchronous advantage actor-critic as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl


def storage(config: Any) -> list[Storage]:
    """Return the rollouts of all workers. The successor of a step is the next observation."""
    return [Storage(config.n_workers * config.n_steps, up_to_budget=False, observations=1, numbers=1, flags=1)]


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "a3c",
            "rlbench_a3c.a3c:A3C",
            Supports(
                discrete=True,
                continuous=True,
                multi_discrete=True,
                multi_binary=True,
                unbounded=True,
                pixels=True,
                smallest_image=4,
                packed=True,
            ),
            stackable=False,
            resumable=False,
            reproducible=False,
            storage=storage,
            several_processes=True,
            summary="asynchronous advantage actor-critic: processes that share parameters (Mnih et al. 2016)",
        )
    ]
