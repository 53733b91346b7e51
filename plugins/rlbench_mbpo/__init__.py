"""Model-based policy optimisation as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "mbpo",
            "rlbench_mbpo.mbpo:MBPO",
            Supports(continuous=True),
            summary="soft actor-critic on short rollouts of a learned model (Janner et al. 2019)",
            updates_per_step=updates_from_replay,
        )
    ]
