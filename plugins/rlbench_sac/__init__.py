"""Soft actor-critic as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_replay, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "soft actor-critic with a learned temperature (Haarnoja et al. 2018)"
    return [
        AlgorithmSpec(
            "sac",
            "rlbench_sac.sac:SAC",
            Supports(continuous=True),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_replay,
        )
    ]
