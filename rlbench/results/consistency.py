"""Consistency of an algorithm's finished runs: whether the same code and numerical settings produced all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rlbench.api import Run
from rlbench.results.run_states import RunState
from rlbench.results.stack_independence import ENTRIES

Differences = dict[str, dict[str, Counter[str]]]


def inconsistencies(runs: Iterable[Run], states: Mapping[str, RunState]) -> dict[str, Differences]:
    """Return the differences among an algorithm's runs, by algorithm id. Leave out algorithms without differences."""
    results: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        if states[run.key].result:
            results.setdefault(run.algorithm, []).append(states[run.key].result)
    differences = {algorithm: find_differences(group) for algorithm, group in results.items()}
    return {algorithm: difference for algorithm, difference in differences.items() if difference}


def find_differences(results: Iterable[Mapping[str, Any]]) -> Differences:
    """Return the entries of `code`, `numerics` and `dependencies` that differ among results, with counts of the values.

    Of a device only its kind is compared, because a suite may distribute its groups over several equal devices. Stack
    independence is not compared, because it is not a numerical setting. A module that only some runs imported is not a
    difference.
    """
    results, differences = list(results), Differences()
    for section in ("code", "numerics"):
        records = counted_parts(results, section)
        for name in dict.fromkeys(name for record, _ in records for name in record if name not in ENTRIES):
            values = Counter[str]()
            for record, count in records:
                values[_value(name, record.get(name))] += count
            if len(values) > 1:
                differences.setdefault(section, {})[name] = values
    modules: dict[str, Counter[str]] = {}
    for record, count in counted_parts(results, "dependencies"):
        for entries in record.values():
            for name, value in entries.items():
                modules.setdefault(name, Counter())[value] += count
    if changed := {name: values for name, values in modules.items() if len(values) > 1}:
        differences["dependencies"] = changed
    return differences


def counted_parts(results: Iterable[Mapping[str, Any]], name: str) -> list[tuple[Mapping[str, Any], int]]:
    """Return each distinct object that results contain under `name`, with the number of results that contain it.

    Objects are in the order in which they first occur. Runs that are read together share one object for equal parts, so
    there are far fewer objects than results.
    """
    parts = [result[name] for result in results if name in result]
    counts = Counter(map(id, parts))
    return [(part, counts[key]) for key, part in {id(part): part for part in parts}.items()]


def _value(name: str, value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text.partition(":")[0] if name == "device" else text
