"""Proximal policy optimisation as an rlbench plugin."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    summary = "proximal policy optimisation, discrete actions (Schulman et al. 2017)"
    return [AlgorithmSpec("ppo", "rlbench_ppo.ppo:PPO", Supports(discrete=True), summary=summary)]
