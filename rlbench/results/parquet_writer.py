"""Writing of parquet files to any path, with the errors of the operating system."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table, compressed; equal tables give equal bytes.

    The file is opened here, because pyarrow refuses a path that is not UTF-8, and its own errors lack the number that
    identifies a full disk. Raises: OSError.
    """
    with open(path, "wb") as file:
        pq.write_table(table, file, compression="zstd")
