"""QMIX as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_replay, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "monotonic mixing of the agents' values into the team's value (Rashid et al. 2018)"
    return [
        AlgorithmSpec(
            "qmix",
            "rlbench_qmix.qmix:QMIX",
            Supports(discrete=True, action_masks=True, multi_agent=True, single_agent=False),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_replay,
        )
    ]
