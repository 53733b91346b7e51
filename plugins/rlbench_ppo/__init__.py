"""Proximal policy optimisation as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "proximal policy optimisation (Schulman et al. 2017)"
    supports = Supports(discrete=True, continuous=True)
    return [AlgorithmSpec("ppo", "rlbench_ppo.ppo:PPO", supports, summary=summary)]
