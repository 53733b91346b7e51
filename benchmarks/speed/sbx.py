"""The side of SBX, Stable-Baselines3's algorithms in JAX (package sbx-rl). Source: Raffin et al. 2021."""

from __future__ import annotations

import flax.linen
import sbx
import torch

from benchmarks.speed.sb3 import learn
from benchmarks.speed.turnstile import Turnstile
from benchmarks.speed.works import Side, Work


def play(side: Side, work: Work, turnstile: Turnstile) -> None:
    torch.set_num_threads(1)
    network = {
        "net_arch": list(work.config["net_arch"]),
        "activation_fn": getattr(flax.linen, work.config["activation_fn"]),
    }
    learn(getattr(sbx, work.algorithm.upper()), work, turnstile, policy_kwargs=network)
