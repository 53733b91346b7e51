"""Stable-Baselines3's algorithms as rlbench plugins (extra `sb3`)."""

from rlbench import AlgorithmSpec, Supports, hookimpl

_BOTH = Supports(discrete=True, continuous=True)
_SUPPORTS = {
    "DQN": Supports(discrete=True),
    "A2C": _BOTH,
    "PPO": _BOTH,
    "DDPG": Supports(continuous=True),
    "TD3": Supports(continuous=True),
    "SAC": Supports(continuous=True),
}


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            f"sb3/{name.lower()}",
            f"rlbench_sb3.{name.lower()}:StableBaselines{name}",
            supports,
            stackable=False,
            resumable=False,
            requires=("stable_baselines3",),
            extra="sb3",
            summary=f"Stable-Baselines3's {name}, its own loop through the metered boundary",
        )
        for name, supports in _SUPPORTS.items()
    ]
