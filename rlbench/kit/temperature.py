"""SAC's `ent_coef` in Stable-Baselines3's format: "auto", "auto_0.1" or a number."""

from __future__ import annotations

import math


def temperature(ent_coef: float | str) -> tuple[float, bool]:
    """Return the initial temperature, and whether it is learned. Raises: ValueError for an invalid value."""
    text = str(ent_coef)
    try:
        initial = float("1" if text == "auto" else text.removeprefix("auto_"))
    except ValueError:
        initial = math.nan
    if not 0 < initial < math.inf:
        expected = "auto, auto_0.1 (learned, starts at 0.1) or a constant above 0"
        raise ValueError(f"ent_coef should be {expected}, got {ent_coef!r}")
    return initial, text.startswith("auto")


def canonical(ent_coef: float | str) -> float | str:
    """Return one spelling for all equal settings, so that their runs have the same key.

    Raises: ValueError for an invalid value.
    """
    initial, learned = temperature(ent_coef)
    return initial if not learned else "auto" if ent_coef == "auto" else f"auto_{initial!r}"
