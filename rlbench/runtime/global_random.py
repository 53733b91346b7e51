"""The global random generators of torch, numpy and `random`, which third-party libraries draw from.

They are seeded from the run's own stream. After each evaluation they are restored, so that evaluation does not affect
training. torch's generator is handled only if torch has already been imported.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from rlbench.seeding import SeedStreams


def seed_global_generators(streams: SeedStreams) -> None:
    """Seed all three generators from the first seed's stream "global"."""
    number = int(streams.sequence("global", 0).generate_state(1)[0])
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002, TID251 - third-party libraries use the legacy generator
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(number)


@contextmanager
def kept_global_generators() -> Iterator[None]:
    """Restore the states of the three generators when the context ends."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        if torch:
            torch.set_rng_state(states[2])
