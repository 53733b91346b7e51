"""Value decomposition networks as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_replay, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "value decomposition: the team's value is the sum of the agents' values (Sunehag et al. 2018)"
    return [
        AlgorithmSpec(
            "vdn",
            "rlbench_vdn.vdn:VDN",
            Supports(discrete=True, action_masks=True, multi_agent=True, single_agent=False),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_replay,
        )
    ]
