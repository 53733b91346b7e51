"""Random search: the settings of an algorithm's trials, each drawn from a stream of its own.

A value depends only on the search's seed, the algorithm's label, the trial's number and the hyperparameter's name. The
other algorithms of the suite, and the order in which it lists its entries, make no difference.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

from numpy.random import PCG64, Generator, SeedSequence

from rlbench.suites.search_space import Space, in_order
from rlbench.suites.tune_models import DistributionEntry

Setting = dict[str, Any]  # the hyperparameters that a trial draws, and their values
REDRAWS = 1_000  # a setting that an earlier trial has is drawn again at most this often
_DIGITS = 4  # digits of a drawn number; few, so that it does not depend on the library that computes logarithms


def draw_settings(label: str, space: Space, defaults: Mapping[str, Any], count: int, seed: int) -> list[Setting]:
    """Return the settings of `count` trials. The first is empty: it is the suite's own setting.

    label: label of the algorithm. defaults: its hyperparameters before a setting changes them. A setting that an
    earlier trial has is drawn again, so that every algorithm gets the same number of different settings.
    Returns: fewer settings if the space has fewer than `count`.
    """
    settings: list[Setting] = [{}]
    known = [dict(defaults)]
    for number in range(1, count):
        for attempt in range(REDRAWS):
            setting = _draw(label, space, defaults, (seed, number, attempt))
            whole = {**defaults, **setting}
            if whole not in known:
                settings.append(setting)
                known.append(whole)
                break
        else:
            return settings
    return settings


def _draw(label: str, space: Space, defaults: Mapping[str, Any], at: tuple[int, int, int]) -> Setting:
    seed, number, attempt = at
    setting: Setting = {}
    for name in in_order(space):
        if is_drawn(space, name, {**defaults, **setting}):
            key = (zlib.crc32(b"tune"), zlib.crc32(label.encode()), number, attempt, zlib.crc32(name.encode()))
            setting[name] = value_of(space[name], Generator(PCG64(SeedSequence(seed, spawn_key=key))))
    return {name: setting[name] for name in space if name in setting}


def is_drawn(space: Space, name: str, values: Mapping[str, Any]) -> bool:
    """Return whether the conditions `when` of a hyperparameter are met. values: values of the other hyperparameters."""
    return all(values.get(other) == value for other, value in space[name].when.items())


def value_of(distribution: DistributionEntry, generator: Generator) -> Any:
    """Draw a value of a hyperparameter."""
    if distribution.choice is not None:
        return distribution.choice[int(generator.integers(len(distribution.choice)))]
    if distribution.whole is not None:
        return int(generator.integers(*distribution.whole, endpoint=True))
    if distribution.log is not None:
        low, high = distribution.log
        value = math.exp(math.log(low) + float(generator.random()) * (math.log(high) - math.log(low)))
    else:
        assert distribution.uniform is not None
        low, high = distribution.uniform
        value = low + float(generator.random()) * (high - low)
    return short_number(distribution, value)


def short_number(distribution: DistributionEntry, value: float) -> float:
    """Round a number of a range to four digits: digits of the number if the range is logarithmic, else of its width."""
    if distribution.log is not None:
        (low, high), rounded = distribution.log, float(f"{value:.{_DIGITS}g}")
    else:
        assert distribution.uniform is not None
        low, high = distribution.uniform
        rounded = round(value, _DIGITS - 1 - math.floor(math.log10(high - low)))
    return min(max(rounded, low), high)
