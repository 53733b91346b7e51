"""REINFORCE as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "Monte Carlo policy gradient with a baseline (Williams 1992)"
    supports = Supports(discrete=True, continuous=True)
    return [AlgorithmSpec("reinforce", "rlbench_reinforce.reinforce:Reinforce", supports, summary=summary)]
