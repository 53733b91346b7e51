"""Recognition of the random policy: it shows what chance reaches, and no test compares it with others.

The algorithm's name decides, never its label, because a suite may give any label to any algorithm.
"""

from __future__ import annotations

import re

RANDOM = "random"
# What may surround the name: a distribution ("dist:random"), an origin ("imported/random"), and the suffix that an
# import adds if the folder already has that label ("imported/random (imported)").
_AROUND = re.compile(r"^.*[:/]|\s*\(imported\)$")


def is_random(algorithm: str) -> bool:
    """Return whether an algorithm's name (a run's `algorithm`, a frame's `id`) is that of the random policy.

    Case is ignored, because imported files spell the name in various ways, such as "Random".
    """
    return _AROUND.sub("", algorithm).strip().casefold() == RANDOM
