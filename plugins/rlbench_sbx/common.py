"""What SBX's algorithms have in common, beside what they share with Stable-Baselines3: policies whose numbers are JAX's.

Source: Raffin et al. 2021, and its SBX; every number is passed on as it is, under the library's
own names and units.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

# A run is one process on one core; read when JAX starts, so before it is imported.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import flax.linen
import jax
import numpy as np
from rlbench_sb3.common import Noise
from rlbench_sb3.common import Player as TorchPlayer
from stable_baselines3.common.utils import LinearSchedule

from rlbench import Algorithm, setting

# What the library takes for its networks, each algorithm's Config as far as it has them.
NETWORK = (
    *("n_critics", "dropout_rate", "layer_norm", "n_quantiles"),
    *("batch_norm", "batch_norm_actor", "batch_norm_momentum", "renorm_warmup_steps"),
)


@dataclass(frozen=True)
class OffPolicy(Noise):
    """Parameters of the algorithms with replay and continuous actions; durations are in the library's own units."""

    net_arch: tuple[int, ...] = setting((256, 256), "units of the hidden layers, of actor and critics")
    activation: Literal["relu", "tanh"] = setting("relu", "of the hidden layers (activation_fn)")
    dropout_rate: float = setting(0.0, "share of the critics' units that are left out of an update", ge=0, lt=1)
    layer_norm: bool = setting(False, "layer normalisation in the critics")
    learning_rate: float = setting(3e-4, "Adam's learning rate", gt=0)
    qf_learning_rate: float | None = setting(None, "the critics' learning rate; none: learning_rate", gt=0)
    lr_schedule: Literal["constant", "linear"] = setting("constant", "linear: to 0 at the end of the budget")
    buffer_size: int = setting(1_000_000, "transitions kept for replay", ge=1)
    learning_starts: int = setting(100, "steps before the first update", ge=0)
    batch_size: int = setting(256, "transitions of one update", ge=1)
    gamma: float = setting(0.99, "discount factor", ge=0, le=1)
    train_freq: int = setting(1, "steps of each environment, or episodes, between rounds of updates", ge=1)
    train_freq_unit: Literal["step", "episode"] = setting("step", "of train_freq; episode needs one environment")
    gradient_steps: int = setting(1, "updates of a round; -1: as many as steps", ge=-1)
    n_steps: int = setting(1, "steps of the return in a target", ge=1)

    def network(self) -> dict[str, Any]:
        """Arguments of the policy's class."""
        return {name: getattr(self, name) for name in NETWORK if name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Entropic(OffPolicy):
    """And of those that learn a temperature."""

    ent_coef: float | Literal["auto"] = setting("auto", "temperature; auto: learned from 1 on")
    ent_coef_init: float = setting(1.0, "temperature at first, where it is learned (auto_…)", gt=0)
    target_entropy: float | Literal["auto"] = setting(
        "auto", "of the policy; auto: minus the number of action dimensions"
    )

    def __post_init__(self) -> None:
        if self.ent_coef != "auto" and float(self.ent_coef) < 0:
            raise ValueError("ent_coef must be auto or at least 0")

    @property
    def temperature(self) -> str | float:
        return f"auto_{self.ent_coef_init}" if self.ent_coef == "auto" else self.ent_coef


class Player(TorchPlayer):
    """The library's policy of one seed: it learns, and it acts by the numbers of its `acting` state.

    acting: name of the policy's train state that chooses actions. build: what its networks are built with, beside the key
    and the learning rate.
    """

    activations = {"relu": flax.linen.relu, "tanh": flax.linen.tanh}

    def __init__(
        self, algorithm: Algorithm, policy: type[Any], acting: str, build: tuple[Any, ...] = (), **architecture: Any
    ) -> None:
        if not algorithm.device.name.startswith("cuda"):
            jax.config.update("jax_platforms", "cpu")
        super().__init__(algorithm, policy, **architecture)
        self._acting, self._build = acting, build

    def sampled(self, obs: Any, start: Any) -> Any:
        """Draw from the library's distribution, with a key from the stream "evaluate" in place of its own."""
        policy = self.network
        own = policy.key, policy.noise_key
        policy.key = jax.random.PRNGKey(int(self.streams.integers("evaluate", 1 << 31, 1)[0, 0]))
        action = policy.predict(self.seen(obs), deterministic=False)[0][None]
        policy.key, policy.noise_key = own
        return action

    # -- what is kept: the acting state's numbers, a name for each leaf ----------------------------------------------
    def weights(self) -> dict[str, Any]:
        leaves = jax.tree_util.tree_leaves_with_path(self._numbers())
        return {".".join(str(part.key) for part in path): np.asarray(value) for path, value in leaves}

    def _numbers(self) -> dict[str, Any]:
        state = getattr(self.network, self._acting)
        statistics = getattr(state, "batch_stats", None)  # crossq
        return {"params": state.params} | ({} if statistics is None else {"batch_stats": statistics})

    def rebuild(self, arrays: Mapping[str, Any]) -> None:
        spaces, rate = (self.task.observation_space, self.task.action_space), LinearSchedule(0.0, 0.0, 1.0)
        self.network = self._class(*spaces, rate, **self.architecture)
        self.network.build(jax.random.PRNGKey(0), rate, *self._build)
        numbers = self._numbers()
        paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(numbers)]
        leaves = [jax.numpy.asarray(arrays[".".join(str(part.key) for part in path)]) for path in paths]
        tree = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(numbers), leaves)
        setattr(self.network, self._acting, getattr(self.network, self._acting).replace(**tree))
