"""Twin delayed deep deterministic policy gradient as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_replay, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "twin delayed deep deterministic policy gradient (Fujimoto et al. 2018)"
    return [
        AlgorithmSpec(
            "td3",
            "rlbench_td3.td3:TD3",
            Supports(continuous=True),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_replay,
        )
    ]
