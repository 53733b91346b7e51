"""The cross-entropy method as an rlbench plugin: its name, its action spaces and its properties."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "cem",
            "linear_cem.cem:CrossEntropy",  # named, not imported, so that listing plugins does not load it
            Supports(discrete=True, continuous=True),
            bootstraps=False,  # it uses complete returns; a truncated episode counts with the rewards so far
            summary="the cross-entropy method on a linear policy, in numpy only",
        )
    ]
