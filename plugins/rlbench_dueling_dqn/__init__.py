"""Dueling deep Q-learning as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_frames, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "dueling deep Q-learning (Wang et al. 2016)"
    return [
        AlgorithmSpec(
            "dueling_dqn",
            "rlbench_dueling_dqn.dueling_dqn:DuelingDQN",
            Supports(discrete=True, action_masks=True, pixels=True, smallest_image=4, packed=True),
            summary=summary,
            updates_per_step=updates_from_replay,
            storage=storage_of_frames,
        )
    ]
