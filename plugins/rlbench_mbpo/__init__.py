"""Model-based policy optimisation as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl, updates_from_replay


def storage(config: Any) -> list[Storage]:
    """Return the replay of the environment's transitions and the replay of the model's transitions."""
    return [Storage(config.buffer_size), Storage(config.model_buffer_size, up_to_budget=False)]


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "mbpo",
            "rlbench_mbpo.mbpo:MBPO",
            Supports(continuous=True),
            summary="soft actor-critic on short rollouts of a learned model (Janner et al. 2019)",
            updates_per_step=updates_from_replay,
            storage=storage,
        )
    ]
