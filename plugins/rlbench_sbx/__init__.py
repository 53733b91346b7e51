"""Algorithms of SBX (Stable-Baselines3 in JAX) as rlbench plugins (extra `sbx`)."""

from rlbench import AlgorithmSpec, Supports, hookimpl

_DISCRETE, _CONTINUOUS = Supports(discrete=True), Supports(continuous=True)
_SUPPORTS = {
    "DQN": _DISCRETE,
    "PPO": Supports(discrete=True, continuous=True),
    "DDPG": _CONTINUOUS,
    "TD3": _CONTINUOUS,
    "SAC": _CONTINUOUS,
    "TQC": _CONTINUOUS,
    "CrossQ": _CONTINUOUS,
}


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            f"sbx/{name.lower()}",
            f"rlbench_sbx.{name.lower()}:Sbx{name}",
            supports,
            stackable=False,
            resumable=False,
            requires=("sbx", "jax"),
            extra="sbx",
            summary=f"SBX's {name} in JAX, its own loop on metered environments",
        )
        for name, supports in _SUPPORTS.items()
    ]
