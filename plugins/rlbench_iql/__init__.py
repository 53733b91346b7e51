"""Independent Q-learning as an rlbench plugin."""

from typing import Any

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl, updates_from_replay


def storage(config: Any) -> list[Storage]:
    """Return the replay, with a reward and a discount for each agent."""
    return [Storage(config.buffer_size, numbers=0, agent_numbers=2)]


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
            storage=storage,
        )
    ]
