"""Published runs changed behind rlbench's back, with hashes that fit again, as somebody with write access could do."""

import json

import pyarrow.parquet as pq

from rlbench.results.checksums import with_checksum
from rlbench.results.file_io import file_hash


def run_of(folder, algorithm, seed=0):
    (found,) = (folder / "runs").glob(f"{algorithm}*--s{seed:02d}--*")
    return found


def edit_result(run, change):
    """Change the document of a run's result.json in place."""
    document = json.loads((run / "result.json").read_text())
    change(document)
    (run / "result.json").write_text(json.dumps(with_checksum(document)))


def rewrite_table(run, table, change, honest=True):
    """Change a run's rows in place. honest: whether result.json gets the new file's hash."""
    path = run / f"{table}.parquet"
    stored = pq.read_table(path)
    rows = stored.to_pylist()
    change(rows)
    pq.write_table(stored.from_pylist(rows, stored.schema), path)
    if honest:
        edit_result(run, lambda document: document["files"][path.name].update(sha256=file_hash(path)))
