"""Q-learning with a table as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "q_learning",
            "rlbench_q_learning.q_learning:QLearning",
            Supports(discrete=True, tabular=True),
            stackable=True,
            resumable=True,
            bootstraps=True,
            summary="Q-learning with a table (Watkins 1989)",
        )
    ]
