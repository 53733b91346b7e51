"""Dyna-Q as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "dyna_q",
            "rlbench_dyna_q.dyna_q:DynaQ",
            Supports(discrete=True, tabular=True),
            stackable=True,
            resumable=True,
            bootstraps=True,
            summary="Q-learning with a table, and planning with a learned model (Sutton 1990)",
        )
    ]
