"""Sweeps: entries of a suite that expand to one algorithm for every combination of hyperparameter values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from rlbench.suites.suite_models import AlgorithmEntry


@dataclass(frozen=True)
class Point:
    """One combination of a sweep.

    entry: the algorithm, with its own label. swept: the value of each swept hyperparameter. places: the index of each
    value in its list. base: the label of the entry with the sweep.
    """

    entry: AlgorithmEntry
    swept: Mapping[str, Any]
    places: Mapping[str, int]
    base: str


def size(entry: AlgorithmEntry) -> int:
    """Return the number of algorithms that an entry expands to, counted without creating them."""
    return math.prod(len(values) for values in entry.sweep.values())


def points(entry: AlgorithmEntry) -> Iterator[Point]:
    """Yield the algorithms of an entry; the last hyperparameter changes fastest. Without a sweep, yield the entry."""
    if not entry.sweep:
        yield Point(entry, {}, {}, entry.name)
        return
    for combination in product(*(enumerate(values) for values in entry.sweep.values())):
        swept = {name: value for name, (_, value) in zip(entry.sweep, combination)}
        label = f"{entry.name} {', '.join(f'{name}={format_value(value)}' for name, value in swept.items())}"
        algorithm = entry.model_copy(update={"label": label, "params": {**entry.params, **swept}, "sweep": {}})
        places = {name: index for name, (index, _) in zip(entry.sweep, combination)}
        yield Point(algorithm, swept, places, entry.name)


def format_value(value: Any) -> str:
    """Return a value as labels and tables show it: 0.001, [64,64], linear."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
