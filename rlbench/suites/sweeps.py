"""Sweeps: one entry of a suite that stands for every combination of some hyperparameters, each an algorithm of its own."""

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
    """One combination. entry: the algorithm it means, by its own label; swept: its value of each swept hyperparameter;
    places: where each stands in its list; base: the label of what was swept."""

    entry: AlgorithmEntry
    swept: Mapping[str, Any]
    places: Mapping[str, int]
    base: str


def size(entry: AlgorithmEntry) -> int:
    """How many algorithms an entry stands for, counted without making them."""
    return math.prod(len(values) for values in entry.sweep.values())


def points(entry: AlgorithmEntry) -> Iterator[Point]:
    """The algorithms an entry stands for, the last hyperparameter changing fastest; of one without a sweep, itself."""
    if not entry.sweep:
        yield Point(entry, {}, {}, entry.name)
        return
    for chosen in product(*(enumerate(values) for values in entry.sweep.values())):
        swept = {name: value for name, (_, value) in zip(entry.sweep, chosen)}
        label = f"{entry.name} {', '.join(f'{name}={shown(value)}' for name, value in swept.items())}"
        made = entry.model_copy(update={"label": label, "params": {**entry.params, **swept}, "sweep": {}})
        yield Point(made, swept, {name: place for name, (place, _) in zip(entry.sweep, chosen)}, entry.name)


def shown(value: Any) -> str:
    """A value as labels and tables show it: 0.001, [64,64], linear."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
