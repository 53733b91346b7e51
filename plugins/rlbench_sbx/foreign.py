"""Additions for SBX's algorithms: policies whose parameters are JAX arrays.

Source: Raffin et al. 2021, and its SBX. Parameters keep the library's names, units and values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

# A run is one process on one core. JAX reads this variable at its import, so it is set before.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import flax.linen
import jax
import numpy as np
from rlbench_sb3.foreign import LibraryAlgorithm
from rlbench_sb3.parameters import Learner
from stable_baselines3.common.utils import LinearSchedule

from rlbench import Device, SeedStreams, TaskInfo, setting
from rlbench.kit.schedules import parse_schedule


@dataclass(frozen=True)
class Critics:
    """Parameters of the critics, in the library's units, to be combined with Continuous or a subclass."""

    qf_learning_rate: float | None = setting(None, "the critics' learning rate; none: learning_rate", gt=0)
    dropout_rate: float = setting(0.0, "share of the critics' units dropped in an update", ge=0, lt=1)
    layer_norm: bool = setting(False, "layer normalisation in the critics")


class JaxLibraryAlgorithm(LibraryAlgorithm):
    """The library's algorithm for one seed.

    acting: the name of the policy's train state that chooses actions. build: the names of the parameters that the
    policy's `build` gets after the key and the learning rate.
    """

    acting: ClassVar[str] = "actor_state"
    build: ClassVar[tuple[str, ...]] = ("learning_rate",)
    activations = {"relu": flax.linen.relu, "tanh": flax.linen.tanh}

    def __init__(self, config: Learner, task: TaskInfo, streams: SeedStreams, device: Device) -> None:
        if not device.name.startswith("cuda"):
            jax.config.update("jax_platforms", "cpu")
        super().__init__(config, task, streams, device)

    def sampled(self, obs: Any, start: Any) -> Any:
        """Draw from the library's distribution, with a key from the stream "evaluate" instead of the library's key."""
        policy = self.network
        own_keys = policy.key, policy.noise_key
        policy.key = jax.random.PRNGKey(int(self.streams.integers("evaluate", 1 << 31, 1)[0, 0]))
        action = self.as_actions(policy.predict(self.normalized(obs), deterministic=False)[0])[None]
        policy.key, policy.noise_key = own_keys
        return action

    # -- checkpoints: parameters of the acting state, with a name for each leaf --------------------------------------
    def weights(self) -> dict[str, Any]:
        leaves = jax.tree_util.tree_leaves_with_path(self._parameters())
        return {_name(path): np.asarray(value) for path, value in leaves}

    def rebuild(self, arrays: Mapping[str, Any]) -> None:
        spaces, rate = (self.shown.space, self.action_space), LinearSchedule(0.0, 0.0, 1.0)
        self.network = self.policy_class(*spaces, rate, **self.architecture())
        numbers = (parse_schedule(getattr(self.config, name))[0] for name in self.build)
        self.network.build(jax.random.PRNGKey(0), rate, *numbers)
        initial = self._parameters()
        leaves = [jax.numpy.asarray(arrays[_name(path)]) for path, _ in jax.tree_util.tree_leaves_with_path(initial)]
        tree = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(initial), leaves)
        setattr(self.network, self.acting, getattr(self.network, self.acting).replace(**tree))

    def _parameters(self) -> dict[str, Any]:
        state = getattr(self.network, self.acting)
        statistics = getattr(state, "batch_stats", None)  # crossq
        return {"params": state.params} | ({} if statistics is None else {"batch_stats": statistics})


def _name(path: Any) -> str:
    return ".".join(str(part.key) for part in path)
