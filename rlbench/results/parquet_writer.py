"""Writing of parquet files, with the operating system's errors."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table, compressed; equal tables give equal bytes. Raises: OSError.

    pyarrow does not open the file itself: it refuses a path that is not UTF-8, and its errors lack the number by which
    a full disk is recognised.
    """
    with open(path, "wb") as file:
        pq.write_table(table, file, compression="zstd")
