"""Keys of a run's result.json, from rlbench.results.result_record."""

from __future__ import annotations

from generating.markdown import table
from rlbench.results.result_record import optional_keys, result_keys


def keys() -> str:
    optional = optional_keys()
    rows = [
        (f"`{key.name}`", key.unit, key.meaning + ("; absent in other runs" if key.name in optional else ""))
        for key in result_keys()
    ]
    return table(("key", "unit", "meaning"), rows)
