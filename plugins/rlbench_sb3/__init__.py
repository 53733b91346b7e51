"""Stable-Baselines3's algorithms as rlbench plugins (extra `sb3`)."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "sb3/dqn",
            "rlbench_sb3.dqn:StableBaselinesDQN",
            Supports(discrete=True),
            stackable=False,
            resumable=False,
            requires=("stable_baselines3",),
            extra="sb3",
            summary="Stable-Baselines3's DQN, its own loop through the metered boundary",
        )
    ]
