"""Deep Q-learning with prioritized replay as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "double deep Q-learning with prioritized replay (Schaul et al. 2016)"
    return [
        AlgorithmSpec(
            "per_dqn",
            "rlbench_per_dqn.per_dqn:PERDQN",
            Supports(discrete=True, action_masks=True, pixels=True, smallest_image=4, packed=True),
            summary=summary,
            updates_per_step=updates_from_replay,
        )
    ]
