"""Recognition of the random policy, which serves as the reference for chance and is in no family of tests.

Only the algorithm's own name counts, never its label, because a suite may give any label to any algorithm.
"""

from __future__ import annotations

import re

RANDOM = "random"
# Additions to the own name: its distribution ("dist:random"), its origin ("imported/random"), and the suffix that an
# import adds if the folder already has such a label ("imported/random (imported)").
_AROUND = re.compile(r"^.*[:/]|\s*\(imported\)$")


def is_random(algorithm: str) -> bool:
    """Return whether an algorithm's own name (a run's `algorithm`, a frame's `id`) is that of the random policy.

    Case is ignored, because imported files spell the name in various ways, such as "Random".
    """
    return _AROUND.sub("", algorithm).strip().casefold() == RANDOM
