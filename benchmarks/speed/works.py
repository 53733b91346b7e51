"""What is measured: the same work for every library, and the sides that take turns at it.

A work's `config` is what our algorithm is configured with; the peers' arguments are derived from it (`sb3.arguments`), so
that the hyperparameters cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

STACK = 10


@dataclass(frozen=True)
class Work:
    """An algorithm on an environment.

    config: our configuration, all cadences given. warm_steps: steps of each seed after which everything has been
    compiled and the updates run. peers: libraries that can do it. backends: our environments', the first of them for
    every side.
    """

    algorithm: str
    env_id: str
    config: Mapping[str, Any]
    warm_steps: int
    peers: tuple[str, ...] = ("sb3", "sbx")
    backends: tuple[str, ...] = ("gymnasium",)

    @property
    def name(self) -> str:
        return f"{self.algorithm} {self.env_id}"

    @property
    def num_envs(self) -> int:
        """Environments of each seed."""
        return int(self.config.get("num_envs", 1))


@dataclass(frozen=True)
class Side:
    """One that takes turns: a library (or the floor) at a work, in a process of its own.

    backend: of its environments. width: units of each hidden layer instead of the work's; 0: as it says.
    """

    work: str
    library: str
    seeds: int = 1
    compiled: bool = False
    backend: str = "gymnasium"
    width: int = 0

    def at(self, work: Work) -> Work:
        """The work as this side does it."""
        hidden = (self.width,) * len(work.config["hidden"])
        return replace(work, config={**work.config, "hidden": hidden}) if self.width else work

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
        """0 for a side that compiles nothing; the greater, the longer its warm-up or the sooner it can be done without."""
        return self.compiled * (1 + (self.library == "ours") * (1 + (self.seeds == 1)))


_CARTPOLE, _PENDULUM = "CartPole-v1", "Pendulum-v1"
_OFF_POLICY = {
    "num_envs": 1, "hidden": (256, 256), "activation": "relu", "batch": 256, "capacity": 100_000, "warmup": 256,
    "train_every": 1, "gradient_steps": 1, "gamma": 0.99, "tau": 0.005, "lr": 1e-3,
}  # fmt: skip
_WARM = 256 + 24

WORKS = (
    Work(
        "ppo",
        _CARTPOLE,
        {
            "num_envs": 8, "horizon": 256, "batch": 64, "epochs": 10, "hidden": (64, 64), "activation": "tanh",
            "lr": 3e-4, "lr_schedule": "constant", "gamma": 0.99, "lam": 0.95, "clip": 0.2, "value_weight": 0.5,
            "entropy_weight": 0.0, "max_grad_norm": 0.5,
        },
        2048,
        ("sb3", "sbx", "purejax"),
        ("gymnasium", "envpool"),
    ),
    Work(
        "a2c",
        _CARTPOLE,
        {
            "num_envs": 8, "horizon": 5, "hidden": (64, 64), "activation": "tanh", "optimizer": "rmsprop", "lr": 7e-4,
            "eps": 1e-5, "gamma": 0.99, "lam": 1.0, "value_weight": 0.5, "entropy_weight": 0.01, "max_grad_norm": 0.5,
        },
        400,
        ("sb3",),
        ("gymnasium", "envpool"),
    ),
    Work(
        "dqn",
        _CARTPOLE,
        {
            # Epsilon is at its end from the start: one that still explores chooses without its network.
            "num_envs": 1, "hidden": (128, 128), "activation": "relu", "batch": 64, "capacity": 100_000, "warmup": 64,
            "train_every": 1, "gradient_steps": 1, "target_every": 500, "epsilon_start": 0.05, "epsilon_end": 0.05,
            "gamma": 0.99, "lr": 1e-3, "max_grad_norm": 10.0,
        },
        64 + 64,
    ),
    Work("sac", _PENDULUM, {**_OFF_POLICY, "lr": 3e-4}, _WARM),
    Work("td3", _PENDULUM, {**_OFF_POLICY, "policy_delay": 2, "action_noise": "gaussian", "sigma": 0.1}, _WARM),
    Work("ddpg", _PENDULUM, {**_OFF_POLICY, "action_noise": "gaussian", "sigma": 0.1}, _WARM),
)  # fmt: skip
BY_NAME = {work.name: work for work in WORKS}


def ours_of(work: Work) -> list[Side]:
    """Our sides: ten seeds together and one alone, compiled or not; other backends than the first with ten, compiled."""
    first, *others = work.backends
    plain = [Side(work.name, "ours", s, c, first) for s in (STACK, 1) for c in (True, False)]
    return plain + [Side(work.name, "ours", STACK, True, backend) for backend in others]


def peers_of(work: Work) -> list[Side]:
    """The peers' sides: one seed, whose steps a second are what it does for ten seeds one after another; JAX has ten."""
    return [
        Side(work.name, name, STACK, True, "jax")
        if name == "purejax"
        else Side(work.name, name, 1, name == "sbx", "gymnasium")
        for name in work.peers
    ]
