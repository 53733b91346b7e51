"""Deep Q-learning with prioritized replay as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl, updates_from_replay


def storage(config: Any) -> list[Storage]:
    """Return the layout of the replay. Its tree of priorities has 16/15 (about 1.07) float64 for each transition."""
    return [Storage(config.buffer_size, other_bytes=8 * 16 / 15, frames_once=True)]


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
            storage=storage,
        )
    ]
