"""Columns of the tables stored with every run, from rlbench.api.COLUMNS."""

from __future__ import annotations

from generating.markdown import table
from rlbench.api import COLUMNS

HEADER = ("column", "type", "unit", "meaning")


def records() -> str:
    parts = []
    for name, columns in COLUMNS.items():
        rows = [(f"`{c.name}`", c.dtype, c.unit, c.meaning) for c in columns]
        parts.append(f"### {name}.parquet\n\n{table(HEADER, rows)}")
    return "\n".join(parts)
