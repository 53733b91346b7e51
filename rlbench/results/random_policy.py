"""Which algorithm is the random policy: what scores are told apart from chance by, and so in no family of tests.

Its own name says so, never its label: a suite may call `random` what it likes, and call anything else "random".
"""

from __future__ import annotations

import re

RANDOM = "random"
# What an own name may have around it: who offers it ("dist:random"), what it comes from ("imported/random"), and what an
# import adds where the folder has such a label already ("imported/random (imported)").
_AROUND = re.compile(r"^.*[:/]|\s*\(imported\)$")


def is_random(algorithm: str) -> bool:
    """Whether an algorithm's own name (a run's `algorithm`, a frame's `id`) is that of the random policy.

    Files that are imported write it as they like, "Random" among others.
    """
    return _AROUND.sub("", algorithm).strip().casefold() == RANDOM
