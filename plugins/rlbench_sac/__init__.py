"""Soft actor-critic as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "soft actor-critic with a learned temperature (Haarnoja et al. 2018)"
    return [AlgorithmSpec("sac", "rlbench_sac.sac:SAC", Supports(continuous=True), summary=summary)]
