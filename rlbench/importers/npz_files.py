"""`evaluations.npz` of Stable-Baselines3's EvalCallback: timesteps [n] and results [n, episodes]."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from pathlib import Path

import numpy as np

from rlbench.importers import decoding
from rlbench.importers.imported_records import (
    LARGEST_STEP,
    ForeignError,
    ImportedRecords,
    Row,
    drop_abandoned,
    refuse_many,
)

PATTERN = "evaluations.npz"


def read_evaluations(path: Path) -> ImportedRecords:
    """Read the evaluations of one run, one row per episode. Raises: ForeignError."""
    try:
        with open(path, "rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ForeignError(f"{path}: a single array, not an archive with timesteps and results")
            members = arrays.zip.infolist() if arrays.zip is not None else []
            if sum(int(member.file_size) for member in members) > decoding.MOST_BYTES:
                raise ForeignError(f"{path}: unpacked, {decoding.too_large()}")
            missing = [name for name in ("timesteps", "results") if name not in arrays]
            if missing:
                raise ForeignError(
                    f"{path}: no {' and no '.join(missing)} in it; it has {', '.join(arrays) or 'nothing'}"
                )
            steps, results = np.asarray(arrays["timesteps"]), np.asarray(arrays["results"])
            if results.dtype.kind not in "iufb":
                raise ForeignError(f"{path}: results should be numbers, got {results.dtype}")
            refuse_many(path, results.size)
            results = results.astype(np.float64)
            lengths = np.asarray(arrays["ep_lengths"]) if "ep_lengths" in arrays else np.zeros(results.shape)
    except MemoryError as error:
        raise ForeignError(f"{path}: cannot be read: it declares more data than fits into memory") from error
    except (
        ValueError,
        TypeError,
        OverflowError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        RuntimeError,  # an encrypted member, or an unknown compression
    ) as error:
        raise ForeignError(f"{path}: cannot be read: {error}") from error
    results = results[:, None] if results.ndim == 1 else results
    if steps.ndim != 1 or results.ndim != 2 or len(steps) != len(results) or steps.dtype.kind not in "iu":
        raise ForeignError(f"{path}: timesteps {steps.shape} {steps.dtype} and results {results.shape} do not match")
    if not results.size:
        raise ForeignError(f"{path}: no evaluation in it")
    if steps.min() < 0 or steps.max() > LARGEST_STEP:
        raise ForeignError(f"{path}: timesteps from {steps.min()} to {steps.max()} are not all in 0 … {LARGEST_STEP:,}")
    if lengths.shape != results.shape or lengths.dtype.kind not in "iuf" or not np.isfinite(lengths).all():
        lengths = np.zeros(results.shape)
    rows = [
        Row(int(step), float(value), int(length), True)
        for step, values, episode_lengths in zip(steps, results, lengths)
        for value, length in zip(values, episode_lengths)
    ]
    valid, notes = drop_abandoned([(path.name, rows)])
    return ImportedRecords(str(path), valid, notes=notes)
