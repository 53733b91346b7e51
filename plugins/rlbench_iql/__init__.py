"""Independent Q-learning as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "independent Q-learning of several agents (Tan 1993; Papoudakis et al. 2021)"
    return [
        AlgorithmSpec(
            "iql",
            "rlbench_iql.iql:IQL",
            Supports(discrete=True, action_masks=True, multi_agent=True, single_agent=False),
            summary=summary,
            updates_per_step=updates_from_replay,
        )
    ]
