"""Safe reading of parquet files from unknown writers: bounded in size, complete columns only, and without pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

MOST_BYTES = 1 << 30  # largest uncompressed size that a file may declare
_MOST_TEXT = 1 << 28  # most bytes of text in a column, over all rows: a file stores a repeated text only once
MOST_VALUES = 1 << 28  # most values in all columns: repeated ones take no space in a file, but 8 bytes each in memory
UNREADABLE = (
    pa.ArrowException,
    OSError,
    ValueError,
    OverflowError,
    MemoryError,
    KeyError,
)  # the errors of `read_columns`


def read_columns(content: pa.BufferReader, schema: pa.Schema, rows: range) -> pa.Table:
    """Read the columns of `schema`, and check that each occurs once, has its type, no nulls, and text in UTF-8.

    A text column with a dictionary type in `schema` is returned with this type. rows: the allowed numbers of rows.
    Raises: an error in UNREADABLE. A file that is too large is refused before it is decompressed.
    """
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    dictionaries = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    if missing := set(schema.names) - set(pq.read_schema(content).names):
        raise ValueError(f"it has no column {min(missing)!r}")
    # A dictionary keeps a repeated text in memory once.
    file = pq.ParquetFile(content, read_dictionary=[*texts, *dictionaries])
    metadata, file_schema = file.metadata, file.schema_arrow
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    values = sum(group.column(j).num_values for group in groups for j in range(group.num_columns))
    if metadata.num_rows not in rows or sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ValueError(f"it has {metadata.num_rows:,} rows and should have {rows.stop - 1:,}")
    if sum(group.total_byte_size for group in groups) > MOST_BYTES or values > MOST_VALUES:
        raise ValueError(f"it would take over {MOST_BYTES:,} bytes of memory")
    for field in schema:
        if file_schema.names.count(field.name) != 1 or not _fits(file_schema.field(field.name).type, field.type):
            raise ValueError(f"it has no column {field.name!r} of {field.type}")
    table = file.read(columns=schema.names, use_threads=False)
    table.validate(full=True)
    for column in table.columns:
        inner = [chunk.flatten() for chunk in column.chunks] if pa.types.is_list(column.type) else []
        if column.null_count or any(part.null_count for part in inner):
            raise ValueError("it has empty entries")
    for name in texts:
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.field(index).with_type(pa.string()), _decode_text(table[name]))
    for name in dictionaries:
        if sum(chunk.dictionary.nbytes for chunk in table[name].chunks) > _MOST_TEXT:
            raise ValueError(f"its text would take over {_MOST_TEXT:,} bytes")
    return table.unify_dictionaries() if dictionaries else table


# `to_numpy` of pyarrow and its scalars import pandas, and this import takes longer than reading a suite.
def numbers(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Return a column of numbers without nulls as an array that must not be written to."""
    return np.from_dlpack(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)


def equals(column: pa.ChunkedArray, text: str) -> NDArray[np.bool_]:
    """Return a mask of the rows of a text column without nulls that are equal to `text`."""
    encoded = column.combine_chunks().dictionary_encode()
    words = encoded.dictionary.to_pylist()
    matches: NDArray[np.bool_] = numbers(encoded.indices) == (words.index(text) if text in words else -1)
    return matches


def _fits(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a column has the wanted type; text may be stored as a dictionary."""
    return bool(_value_type(stored) == _value_type(wanted))


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _decode_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the text of each row. Raises: ValueError before decoding if it would take too much memory."""
    lengths = [pc.take(pc.binary_length(chunk.dictionary), chunk.indices) for chunk in column.chunks]
    if sum(pc.sum(each).as_py() or 0 for each in lengths) > _MOST_TEXT:
        raise ValueError(f"its text would take over {_MOST_TEXT:,} bytes")
    return pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], pa.string())
