"""Building blocks for algorithms, in torch. The first axis of every tensor is the seed, and seeds never mix.

On a CPU with one thread, a seed's numbers are the same alone and in any stack, bit for bit. The reasons: a network's
parameters are one tensor [S, P] whose rows and layer columns are rounded up to 16 floats; each row is updated by its
own kernel call; reductions run over trailing axes; softplus and sigmoid are written out.

Each module is imported at its first use, so a run depends only on the modules that it uses.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlbench.kit.action_bounds import ActionBounds
    from rlbench.kit.action_noise import ActionNoise
    from rlbench.kit.activations import ACTIVATIONS, sigmoid, softplus
    from rlbench.kit.compilation import compile_methods, compiled, in_blocks, seeds_at_a_time
    from rlbench.kit.distributions import Actor, Distribution, policy_for
    from rlbench.kit.kernel_choice import watched
    from rlbench.kit.kernel_trials import same_bits
    from rlbench.kit.multi_step import NStep
    from rlbench.kit.normalization import ObsNormalizer, RewardNormalizer
    from rlbench.kit.optimizers import Adam, clip, polyak
    from rlbench.kit.prioritized_replay import PrioritizedReplay, SumTree
    from rlbench.kit.replay import Field, Replay
    from rlbench.kit.returns import gae
    from rlbench.kit.rmsprop import RMSprop
    from rlbench.kit.rollout import Rollout
    from rlbench.kit.schedules import Every, decay, parse_schedule
    from rlbench.kit.shared_memory import SharedRMSprop, run_workers, shared
    from rlbench.kit.squashed_gaussian import squashed_gaussian
    from rlbench.kit.stacked_networks import MLP, value_and_grad
    from rlbench.kit.state_dict import pack, unpack
    from rlbench.kit.torch_interaction import TorchInteraction, tensor

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "ActionBounds",
    "ActionNoise",
    "Actor",
    "Adam",
    "Distribution",
    "Every",
    "Field",
    "NStep",
    "ObsNormalizer",
    "PrioritizedReplay",
    "RMSprop",
    "Replay",
    "RewardNormalizer",
    "Rollout",
    "SharedRMSprop",
    "SumTree",
    "TorchInteraction",
    "clip",
    "compile_methods",
    "compiled",
    "decay",
    "gae",
    "in_blocks",
    "pack",
    "parse_schedule",
    "policy_for",
    "polyak",
    "run_workers",
    "same_bits",
    "seeds_at_a_time",
    "shared",
    "sigmoid",
    "softplus",
    "squashed_gaussian",
    "tensor",
    "unpack",
    "value_and_grad",
    "watched",
]

_NAMES_BY_MODULE = {
    "activations": (
        "ACTIVATIONS",
        "sigmoid",
        "softplus",
    ),
    "action_bounds": ("ActionBounds",),
    "compilation": (
        "compile_methods",
        "compiled",
        "in_blocks",
        "seeds_at_a_time",
    ),
    "distributions": (
        "Actor",
        "Distribution",
        "policy_for",
    ),
    "shared_memory": (
        "SharedRMSprop",
        "run_workers",
        "shared",
    ),
    "kernel_choice": ("watched",),
    "action_noise": ("ActionNoise",),
    "normalization": (
        "ObsNormalizer",
        "RewardNormalizer",
    ),
    "multi_step": ("NStep",),
    "optimizers": (
        "Adam",
        "clip",
        "polyak",
    ),
    "state_dict": (
        "pack",
        "unpack",
    ),
    "prioritized_replay": (
        "PrioritizedReplay",
        "SumTree",
    ),
    "replay": (
        "Field",
        "Replay",
    ),
    "returns": ("gae",),
    "rmsprop": ("RMSprop",),
    "rollout": ("Rollout",),
    "schedules": (
        "Every",
        "decay",
        "parse_schedule",
    ),
    "squashed_gaussian": ("squashed_gaussian",),
    "stacked_networks": (
        "MLP",
        "value_and_grad",
    ),
    "torch_interaction": (
        "TorchInteraction",
        "tensor",
    ),
    "kernel_trials": ("same_bits",),
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _NAMES_BY_MODULE:
        return importlib.import_module(f"rlbench.kit.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'rlbench.kit' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"rlbench.kit.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
