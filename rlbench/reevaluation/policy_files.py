"""Files of published policies: reading them, and loading them into an algorithm, one for each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from rlbench.api import Algorithm, Array, Diverged, PluginError, StoreError
from rlbench.messages import error_text
from rlbench.results.file_io import read_bytes

POLICY = "policy.safetensors"


def published_arrays(path: Path, digest: str | None) -> dict[str, Array]:
    """Return a published policy's arrays without the seed axis; an empty dictionary if there is no digest.

    digest: the published sha256; the file is read once, hashed and decoded. Raises: StoreError if the file is missing
    or has changed; Diverged if a number is not finite.
    """
    arrays = stored_arrays(path, digest)
    if not all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
        raise Diverged(f"{path} contains numbers that are not finite: there is no policy to play")
    return arrays


def stored_arrays(path: Path, digest: str | None) -> dict[str, Array]:
    """Return a published policy's arrays, also if numbers are not finite; an empty dictionary if there is no digest.

    digest: the published sha256; the file is read once, hashed and decoded. Raises: StoreError if the file is missing,
    has changed, or is not a file of arrays.
    """
    if digest is None:
        return {}
    try:
        content = read_bytes(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    if sha256(content).hexdigest() != digest:
        raise StoreError(f"{path} has changed since the run was stored: its sha256 differs from the one in result.json")
    try:
        return {name: array.copy() for name, array in load(content).items()}
    except (SafetensorError, ValueError, KeyError) as error:
        raise StoreError(f"{path} is not a readable file of arrays: {error}") from error


def load_policies(algorithm: Algorithm, published: Sequence[Mapping[str, Array]], where: str) -> None:
    """Load one policy for each seed of the algorithm, and check that `final_state` returns the same bits.

    Raises: PluginError if it returns others; StoreError if a policy is missing, or if the policies differ in shapes.
    """
    names = list(published[0])
    shapes = [{name: (array.dtype, array.shape) for name, array in arrays.items()} for arrays in published]
    if any(each != shapes[0] for each in shapes):
        raise StoreError(f"{where} has published policies of different shapes, which cannot be stacked")
    try:
        if names:
            algorithm.load_final_state({name: np.stack([arrays[name] for arrays in published]) for name in names})
        loaded = {name: np.asarray(array) for name, array in algorithm.final_state().items()}
    except Exception as error:
        text = error_text(error)
        raise PluginError(f"{where} cannot load its published policy (load_final_state): {text}") from error
    if loaded and not names:
        first = ", ".join(sorted(loaded)[:3])
        raise StoreError(f"{where} has no published policy, although the algorithm publishes one ({first})")
    for row, arrays in enumerate(published):
        if _bits({name: array[row] for name, array in loaded.items()}) != _bits(arrays):
            raise PluginError(f"{where} did not load its published policy: it needs load_final_state")


def _bits(arrays: Mapping[str, Array]) -> dict[str, Any]:
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()}
