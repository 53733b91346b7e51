"""Truncated quantile critics as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_replay, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "soft actor-critic on truncated mixtures of quantiles (Kuznetsov et al. 2020)"
    return [
        AlgorithmSpec(
            "tqc",
            "rlbench_tqc.tqc:TQC",
            Supports(continuous=True),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_replay,
        )
    ]
