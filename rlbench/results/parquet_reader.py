"""Reading a parquet file that anybody may have written: no more of it than it should hold, and nothing but whole columns."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MOST_BYTES = 1 << 30  # that a file may say it has, unpacked
_MOST_TEXT = 1 << 28  # bytes of a column of text, in all rows: a long one that is repeated stands in a file once
MOST_VALUES = 1 << 28  # likewise, in all columns together: repeated ones take no room in a file, and eight bytes here
UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)  # what `read_sound` raises


def read_sound(content: pa.BufferReader, wanted: pa.Schema, rows: range) -> pa.Table:
    """The columns of `wanted`, each there once, of its type, without nulls and with text that is UTF-8.

    rows: how many it may have. Raises: one of UNREADABLE, for too many before anything is unpacked.
    """
    texts = [field.name for field in wanted if pa.types.is_string(field.type)]
    file = pq.ParquetFile(content, read_dictionary=texts)  # a repeated text is then there once
    facts, found = file.metadata, file.schema_arrow
    groups = [facts.row_group(i) for i in range(facts.num_row_groups)]
    values = sum(group.column(j).num_values for group in groups for j in range(group.num_columns))
    if facts.num_rows not in rows or sum(group.num_rows for group in groups) != facts.num_rows:
        raise ValueError(f"it has {facts.num_rows:,} rows, and should have {rows.stop - 1:,}")
    if sum(group.total_byte_size for group in groups) > MOST_BYTES or values > MOST_VALUES:
        raise ValueError(f"it would take over {MOST_BYTES:,} bytes")
    for field in wanted:
        if found.names.count(field.name) != 1 or _plain(found.field(field.name).type) != field.type:
            raise ValueError(f"it has no column {field.name!r} of {field.type}")
    table = file.read(columns=wanted.names, use_threads=False)
    table.validate(full=True)
    for column in table.columns:
        inner = [chunk.flatten() for chunk in column.chunks] if pa.types.is_list(column.type) else []
        if column.null_count or any(part.null_count for part in inner):
            raise ValueError("it has empty entries")
    for name in texts:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.field(place).with_type(pa.string()), _decoded(table[name]))
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The text of each row. Raises: ValueError, before it is made, for too much of it."""
    lengths = [pc.take(pc.binary_length(chunk.dictionary), chunk.indices) for chunk in column.chunks]
    if sum(pc.sum(each).as_py() or 0 for each in lengths) > _MOST_TEXT:
        raise ValueError(f"its text would take over {_MOST_TEXT:,} bytes")
    return pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], pa.string())
