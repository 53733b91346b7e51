"""SAC's `ent_coef` in the words of Stable-Baselines3: "auto", "auto_0.1" or a number."""

from __future__ import annotations

import math


def temperature(ent_coef: float | str) -> tuple[float, bool]:
    """The first temperature, and whether it is learned from there on. Raises: ValueError for anything else."""
    text = str(ent_coef)
    try:
        first = float("1" if text == "auto" else text.removeprefix("auto_"))
    except ValueError:
        first = math.nan
    if not 0 < first < math.inf:
        said = "auto, auto_0.1 (learned, from 0.1 on) or a number above 0, at which it stays"
        raise ValueError(f"ent_coef should be {said}, got {ent_coef!r}")
    return first, text.startswith("auto")


def one_way(ent_coef: float | str) -> float | str:
    """The same as one value however it is written, so that it is one identity. Raises: as `temperature`."""
    first, learned = temperature(ent_coef)
    return first if not learned else "auto" if ent_coef == "auto" else f"auto_{first!r}"
