"""The cross-entropy method as an rlbench plugin: what it is called, what it can be run on, what it claims."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "cem",
            "linear_cem.cem:CrossEntropy",  # named, not imported: listing plugins loads none of them
            Supports(discrete=True, continuous=True),
            bootstraps=False,  # it knows whole returns alone: an episode that is cut counts as it stands
            summary="the cross-entropy method on a linear policy, in numpy alone",
        )
    ]
