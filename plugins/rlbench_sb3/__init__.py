"""Stable-Baselines3's and sb3-contrib's algorithms as rlbench plugins (extra `sb3`)."""

from functools import partial
from typing import Any

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl

# Images need 36 × 36 pixels for the first layers of the library's convolutional network.
_seeing = partial(Supports, pixels=True, nested=True, smallest_image=36)
_DISCRETE, _CONTINUOUS = _seeing(discrete=True), _seeing(continuous=True)
_ALL = _seeing(discrete=True, continuous=True, multi_discrete=True, multi_binary=True)
_LIBRARY = {"DQN": _DISCRETE, "A2C": _ALL, "PPO": _ALL, "DDPG": _CONTINUOUS, "TD3": _CONTINUOUS, "SAC": _CONTINUOUS}
_VECTORS = Supports(discrete=True, continuous=True)  # ARS supports only observations that are one vector
# Vectors only, without MultiBinary: the library's buffer stores bits as integers, which its distribution refuses.
_SEQUENCES = Supports(discrete=True, continuous=True, multi_discrete=True)
_CONTRIB = {"QRDQN": _DISCRETE, "TQC": _CONTINUOUS, "TRPO": _ALL, "ARS": _VECTORS, "RecurrentPPO": _SEQUENCES}


def _storage(config: Any) -> list[Storage]:
    """Return the library's replay, if it has one. A transition has a reward, an end and a truncation."""
    return [Storage(config.buffer_size, numbers=3)] if hasattr(config, "buffer_size") else []


def _spec(name: str, supports: Supports, library: str, prefix: str, *packages: str) -> AlgorithmSpec:
    own = "recurrent_ppo" if name == "RecurrentPPO" else name.lower()
    return AlgorithmSpec(
        f"sb3/{own}",
        f"rlbench_sb3.{own}:{prefix}{name}",
        supports,
        stackable=False,
        resumable=False,
        bootstraps=name != "ARS",  # ARS uses only returns of whole episodes
        requires=packages,
        extra="sb3",
        storage=_storage,
        summary=f"{library}'s {name}, its own loop on metered environments",
    )


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    own = ("Stable-Baselines3", "StableBaselines", "stable_baselines3")
    contributed = ("sb3-contrib", "Contrib", "stable_baselines3", "sb3_contrib")
    return [_spec(name, supports, *own) for name, supports in _LIBRARY.items()] + [
        _spec(name, supports, *contributed) for name, supports in _CONTRIB.items()
    ]
