"""Conversion of rows to an Arrow table without pandas.

`pyarrow.array` imports pandas to check whether its input is a pandas object, which costs every worker a third of a
second at startup.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import pyarrow as pa

# Type codes of the module `array`, which rejects values that do not fit.
_CODES = {pa.int64(): "q", pa.int32(): "i", pa.float64(): "d"}


def table(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Return the same table as `pyarrow.Table.from_pylist`, for rows in which no value is missing.

    Raises: TypeError or OverflowError if a value does not fit its column's type; KeyError if a value is missing.
    """
    return pa.Table.from_arrays([_column([row[f.name] for row in rows], f.type) for f in schema], schema=schema)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return an array of numbers, text or lists, laid out as in https://arrow.apache.org/docs/format/Columnar.html."""
    if kind in _CODES:
        return pa.Array.from_buffers(kind, len(values), [None, _buffer(_CODES[kind], values)])
    parts = [value.encode() for value in values] if kind == pa.string() else values
    ends = _buffer("i", accumulate(map(len, parts), initial=0))
    if kind == pa.string():
        return pa.Array.from_buffers(kind, len(values), [None, ends, pa.py_buffer(b"".join(parts))])
    items = _column(list(chain.from_iterable(parts)), kind.value_type)
    return pa.Array.from_buffers(kind, len(values), [None, ends], children=[items])


def _buffer(code: str, values: Iterable[Any]) -> pa.Buffer:
    return pa.py_buffer(array(code, values))
