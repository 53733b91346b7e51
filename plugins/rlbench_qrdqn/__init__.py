"""Quantile-regression deep Q-learning as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl, storage_of_frames, updates_from_replay


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "qrdqn",
            "rlbench_qrdqn.qrdqn:QRDQN",
            Supports(discrete=True, action_masks=True, pixels=True, smallest_image=4, packed=True),
            summary="deep Q-learning of the quantiles of returns (Dabney et al. 2018)",
            updates_per_step=updates_from_replay,
            storage=storage_of_frames,
        )
    ]
