"""Stable-Baselines3's and sb3-contrib's algorithms as rlbench plugins (extra `sb3`)."""

from rlbench import AlgorithmSpec, Supports, hookimpl

_DISCRETE, _CONTINUOUS, _BOTH = (
    Supports(discrete=True),
    Supports(continuous=True),
    Supports(discrete=True, continuous=True),
)
_LIBRARY = {"DQN": _DISCRETE, "A2C": _BOTH, "PPO": _BOTH, "DDPG": _CONTINUOUS, "TD3": _CONTINUOUS, "SAC": _CONTINUOUS}
_CONTRIB = {"QRDQN": _DISCRETE, "TQC": _CONTINUOUS, "TRPO": _BOTH, "ARS": _BOTH}


def _spec(name: str, supports: Supports, library: str, prefix: str, *packages: str) -> AlgorithmSpec:
    return AlgorithmSpec(
        f"sb3/{name.lower()}",
        f"rlbench_sb3.{name.lower()}:{prefix}{name}",
        supports,
        stackable=False,
        resumable=False,
        bootstraps=name != "ARS",  # ARS uses only returns of whole episodes
        requires=packages,
        extra="sb3",
        summary=f"{library}'s {name}, its own loop on metered environments",
    )


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    own = ("Stable-Baselines3", "StableBaselines", "stable_baselines3")
    contributed = ("sb3-contrib", "Contrib", "stable_baselines3", "sb3_contrib")
    return [_spec(name, supports, *own) for name, supports in _LIBRARY.items()] + [
        _spec(name, supports, *contributed) for name, supports in _CONTRIB.items()
    ]
