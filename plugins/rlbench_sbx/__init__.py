"""Algorithms of SBX (Stable-Baselines3 in JAX) as rlbench plugins (extra `sbx`)."""

from functools import partial
from typing import Any

from rlbench import AlgorithmSpec, Storage, Supports, hookimpl

_CONTINUOUS = Supports(continuous=True)
# Only DQN and PPO have a convolutional network; it needs 36 × 36 pixels. None claims `nested`: the library would only
# join the parts of a Dict to one vector, which every algorithm without `nested` gets anyway.
_seeing = partial(Supports, pixels=True, smallest_image=36)
_SUPPORTS = {
    "DQN": _seeing(discrete=True),
    "PPO": _seeing(discrete=True, continuous=True, multi_discrete=True, multi_binary=True),
    "DDPG": _CONTINUOUS,
    "TD3": _CONTINUOUS,
    "SAC": _CONTINUOUS,
    "TQC": _CONTINUOUS,
    "CrossQ": _CONTINUOUS,
}


def _storage(config: Any) -> list[Storage]:
    """Return the library's replay, if it has one. A transition has a reward, an end and a truncation."""
    return [Storage(config.buffer_size, numbers=3)] if hasattr(config, "buffer_size") else []


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
            storage=_storage,
            summary=f"SBX's {name} in JAX, its own loop on metered environments",
        )
        for name, supports in _SUPPORTS.items()
    ]
