"""Advantage actor-critic as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "synchronous advantage actor-critic (Mnih et al. 2016)"
    supports = Supports(discrete=True, continuous=True)
    return [AlgorithmSpec("a2c", "rlbench_a2c.a2c:A2C", supports, summary=summary)]
