"""Asynchronous advantage actor-critic as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "a3c",
            "rlbench_a3c.a3c:A3C",
            Supports(
                discrete=True,
                continuous=True,
                multi_discrete=True,
                multi_binary=True,
                unbounded=True,
                pixels=True,
                smallest_image=4,
                packed=True,
            ),
            stackable=False,
            resumable=False,
            reproducible=False,
            summary="asynchronous advantage actor-critic: processes that share parameters (Mnih et al. 2016)",
        )
    ]
