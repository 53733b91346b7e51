"""The measured works, which are the same for every library, and the sides that take turns.

A work's `config` configures our algorithm, with Stable-Baselines3's names. The peers get the same values
(`sb3.arguments`), so that the hyperparameters cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

STACK = 10


@dataclass(frozen=True)
class Work:
    """An algorithm on an environment.

    config: our configuration, with all intervals. warm_steps: steps of each seed after which everything has been
    compiled and the updates run. peers: libraries that can do it. backends: our environments', the first of them for
    every side.
    images: the shape [channels, height, width] of the observations, if they are images; they get MinAtar's network.
    keep: the places of the numbers that an observation keeps; (): all.
    register: "module:function" that registers the environment. label: what the command line calls the work.
    """

    algorithm: str
    env_id: str
    config: Mapping[str, Any]
    warm_steps: int
    peers: tuple[str, ...] = ("sb3", "sbx")
    backends: tuple[str, ...] = ("gymnasium",)
    images: tuple[int, int, int] | None = None
    keep: tuple[int, ...] = ()
    register: str = ""
    label: str = ""

    @property
    def title(self) -> str:
        return self.label or self.algorithm

    @property
    def name(self) -> str:
        return f"{self.algorithm} {self.env_id}"

    @property
    def num_envs(self) -> int:
        """Environments of each seed."""
        return int(self.config.get("n_envs", 1))


@dataclass(frozen=True)
class Side:
    """A library (or the floor) on a work, in its own process.

    backend: of its environments. width: units of each hidden layer instead of the work's; 0: the work's.
    """

    work: str
    library: str
    seeds: int = 1
    compiled: bool = False
    backend: str = "gymnasium"
    width: int = 0

    def at(self, work: Work) -> Work:
        """Return the work with this side's width."""
        layers = (self.width,) * len(work.config["net_arch"])
        return replace(work, config={**work.config, "net_arch": layers}) if self.width else work

    @property
    def name(self) -> str:
        if self.library == "floor":
            return "floor"  # of every backend
        parts = [
            self.library,
            f"S={self.seeds}",
            "compiled" if self.compiled else "",
            self.backend,
            f"width {self.width}" * bool(self.width),
        ]
        return " ".join(part for part in parts if part)

    @property
    def compiles(self) -> int:
        """Rank of compilation: 0 without compiling; larger for a longer warm-up or a less important side."""
        return self.compiled * (1 + (self.library == "ours") * (1 + (self.seeds == 1)))


_CARTPOLE, _PENDULUM = "CartPole-v1", "Pendulum-v1"
_OFF_POLICY = {
    "n_envs": 1, "net_arch": (256, 256), "activation_fn": "relu", "batch_size": 256, "buffer_size": 100_000,
    "learning_starts": 256, "train_freq": 1, "gradient_steps": 1, "gamma": 0.99, "tau": 0.005, "learning_rate": 1e-3,
}  # fmt: skip
_WARM = 256 + 24

WORKS = (
    Work(
        "ppo",
        _CARTPOLE,
        {
            "n_envs": 8, "n_steps": 256, "batch_size": 64, "n_epochs": 10, "net_arch": (64, 64),
            "activation_fn": "tanh", "learning_rate": 3e-4, "gamma": 0.99, "gae_lambda": 0.95, "clip_range": 0.2,
            "vf_coef": 0.5, "ent_coef": 0.0, "max_grad_norm": 0.5,
        },
        2048,
        ("sb3", "sbx", "purejax"),
        ("gymnasium", "envpool"),
    ),
    Work(
        "a2c",
        _CARTPOLE,
        {
            "n_envs": 8, "n_steps": 5, "net_arch": (64, 64), "activation_fn": "tanh", "use_rms_prop": True,
            "rms_prop_eps": 1e-5, "learning_rate": 7e-4, "gamma": 0.99, "gae_lambda": 1.0, "vf_coef": 0.5,
            "ent_coef": 0.01, "max_grad_norm": 0.5,
        },
        400,
        ("sb3",),
        ("gymnasium", "envpool"),
    ),
    Work(
        "dqn",
        _CARTPOLE,
        {
            # Epsilon is constant at its final value, because random actions skip the network.
            "n_envs": 1, "net_arch": (128, 128), "activation_fn": "relu", "batch_size": 64, "buffer_size": 100_000,
            "learning_starts": 64, "train_freq": 1, "gradient_steps": 1, "target_update_interval": 500,
            "exploration_initial_eps": 0.05, "exploration_final_eps": 0.05, "gamma": 0.99, "learning_rate": 1e-3,
            "max_grad_norm": 10.0,
        },
        64 + 64,
    ),
    Work("sac", _PENDULUM, {**_OFF_POLICY, "learning_rate": 3e-4}, _WARM),
    Work("td3", _PENDULUM, {**_OFF_POLICY, "policy_delay": 2, "noise_type": "normal", "noise_std": 0.1}, _WARM),
    Work("ddpg", _PENDULUM, {**_OFF_POLICY, "noise_type": "normal", "noise_std": 0.1}, _WARM),
)  # fmt: skip
# Needs MinAtar, which is under the GPL, so it is measured only by name: --works ppo-images.
IMAGES = Work(
    "ppo",
    "MinAtar/Breakout-v1",
    {
        "n_envs": 8, "n_steps": 128, "batch_size": 256, "n_epochs": 4, "net_arch": (128,), "shared": True,
        "activation_fn": "relu", "learning_rate": 1e-3, "gamma": 0.99, "gae_lambda": 0.95, "clip_range": 0.2,
        "vf_coef": 0.5, "ent_coef": 0.01, "max_grad_norm": 0.5,
    },
    2048,
    ("sb3",),
    images=(4, 10, 10),
    register="minatar.gym:register_envs",
    label="ppo-images",
)  # fmt: skip
# CartPole-v1 without velocities. Stable-Baselines3's side is sb3-contrib's RecurrentPPO: --works recurrent_ppo.
MEMORY = Work(
    "recurrent_ppo",
    _CARTPOLE,
    {
        "n_envs": 8, "n_steps": 32, "batch_size": 256, "n_epochs": 20, "net_arch": (64,), "lstm_hidden_size": 64,
        "activation_fn": "relu", "learning_rate": 1e-3, "gamma": 0.98, "gae_lambda": 0.8, "clip_range": 0.2,
        "vf_coef": 0.5, "ent_coef": 0.0, "max_grad_norm": 0.5,
    },
    512,
    ("sb3",),
    keep=(0, 2),
)  # fmt: skip
BY_NAME_ALONE = (IMAGES, MEMORY)  # what is measured only if it is asked for
BY_NAME = {work.name: work for work in (*WORKS, *BY_NAME_ALONE)}


def ours_of(work: Work) -> list[Side]:
    """Return our sides: ten seeds and one, compiled or not; for backends after the first, ten compiled."""
    first, *others = work.backends
    plain = [Side(work.name, "ours", s, c, first) for s in (STACK, 1) for c in (True, False)]
    return plain + [Side(work.name, "ours", STACK, True, backend) for backend in others]


def peers_of(work: Work) -> list[Side]:
    """Return the peers' sides: one seed, with the same rate as ten in sequence; JAX has ten."""
    return [
        Side(work.name, name, STACK, True, "jax")
        if name == "purejax"
        else Side(work.name, name, 1, name == "sbx", "gymnasium")
        for name in work.peers
    ]
