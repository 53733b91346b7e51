"""CrossQ as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_replay, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "soft actor-critic with batch normalisation in place of target networks (Bhatt et al. 2024)"
    return [
        AlgorithmSpec(
            "crossq",
            "rlbench_crossq.crossq:CrossQ",
            Supports(continuous=True),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_replay,
        )
    ]
