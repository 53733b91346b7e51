"""Deep deterministic policy gradient as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_replay, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "deep deterministic policy gradient (Lillicrap et al. 2016)"
    return [
        AlgorithmSpec(
            "ddpg",
            "rlbench_ddpg.ddpg:DDPG",
            Supports(continuous=True),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_replay,
        )
    ]
