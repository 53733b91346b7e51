"""Whether the finished runs of an algorithm were all made alike: by the same code, computed in the same way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rlbench.results.stack_independence import ENTRIES
from rlbench.results.store import Store

Differing = dict[str, dict[str, Counter[str]]]


def mixtures(store: Store) -> dict[str, Differing]:
    """What differs among the runs of each algorithm (by id), for those whose runs were not all made alike."""
    runs = store.runs()
    states = store.states(runs)
    results: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        if states[run.key].result:
            results.setdefault(run.algorithm, []).append(states[run.key].result)
    found = {algorithm: differing(made) for algorithm, made in results.items()}
    return {algorithm: differs for algorithm, differs in found.items() if differs}


def differing(results: Iterable[Mapping[str, Any]]) -> Differing:
    """Return what differs among results in `code`, `numerics` and `dependencies`: by entry, each value and how many have it.

    Of a device only its kind counts: the groups of a suite may be dealt over several alike; and whether a run's bits
    depend on its stack is not how it was computed. A module that only some have imported is no difference.
    """
    made, found = list(results), Differing()
    for what in ("code", "numerics"):
        stated = [result[what] for result in made if what in result]
        for name in dict.fromkeys(name for entry in stated for name in entry if name not in ENTRIES):
            values = Counter(_value(name, entry.get(name)) for entry in stated)
            if len(values) > 1:
                found.setdefault(what, {})[name] = values
    modules: dict[str, Counter[str]] = {}
    for result in made:
        for entries in result.get("dependencies", {}).values():
            for name, value in entries.items():
                modules.setdefault(name, Counter())[value] += 1
    if unlike := {name: values for name, values in modules.items() if len(values) > 1}:
        found["dependencies"] = unlike
    return found


def _value(name: str, value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text.partition(":")[0] if name == "device" else text
