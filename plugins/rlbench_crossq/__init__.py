"""CrossQ as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, updates_from_replay


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
        )
    ]
