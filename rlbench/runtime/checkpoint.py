"""Checkpoints on disk: two files per seed, arrays as safetensors and numbers as JSON. The file `DONE` is written last.

A checkpoint is ignored if its folder has no DONE, or if the hash of a file differs from the hash in DONE.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from rlbench.api import Array, DiskFull
from rlbench.disk_errors import sync, writing
from rlbench.process_control import failpoint

VERSION = 1
KEPT = 2
_MOST_DONE = 1 << 20  # bytes; the usual size of DONE is about a hundred per seed
_MOST_BYTES = 64 << 30  # bytes of all files of a checkpoint


@dataclass(frozen=True)
class SeedState:
    """One seed's part of a checkpoint: numbers as JSON values, arrays by name, and the step at which it was saved."""

    seed: int
    step: int
    numbers: Mapping[str, Any]
    arrays: Mapping[str, Array]


def save(folder: Path, states: Sequence[SeedState]) -> Path:
    """Write the checkpoint `folder`/<step>, with DONE last, and delete all checkpoints except the newest two.

    Returns: the path of the checkpoint. Raises: DiskFull; in this case, the earlier checkpoints are unchanged.
    """
    target = folder / f"{states[0].step:012d}"
    try:
        with writing(target):
            _write(target, states)
    except DiskFull:
        shutil.rmtree(target, ignore_errors=True)  # an incomplete checkpoint is useless and takes disk space
        raise
    for old in sorted(folder.iterdir())[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def _write(target: Path, states: Sequence[SeedState]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    hashes: dict[str, str] = {}
    for state in states:
        arrays, numbers = target / f"seed-{state.seed}.safetensors", target / f"seed-{state.seed}.json"
        save_file({name: np.asarray(array, order="C") for name, array in state.arrays.items()}, arrays)
        sync(arrays)
        failpoint("checkpoint-arrays")
        numbers.write_text(
            json.dumps({"version": VERSION, "seed": state.seed, "step": state.step, **state.numbers}), "utf-8"
        )
        sync(numbers)
        failpoint("checkpoint-numbers")
        hashes |= {path.name: _hash(path) for path in (arrays, numbers)}
    done = target / "DONE.tmp"
    done.write_text(json.dumps({"version": VERSION, "step": states[0].step, "sha256": hashes}), "utf-8")
    sync(done)
    failpoint("checkpoint-done")
    os.replace(done, target / "DONE")
    sync(target)
    sync(target.parent)  # before earlier checkpoints are deleted
    failpoint("checkpoint-written")


def complete(folder: Path) -> list[Path]:
    """Return the complete checkpoints under `folder`, newest first. Skip incomplete or damaged checkpoints."""
    return [path for path in sorted(folder.glob("*"), reverse=True) if _is_complete(path)]


def _is_complete(path: Path) -> bool:
    try:
        if path.is_symlink() or not (path / "DONE").is_file() or not path.name.isdecimal():
            return False
        if (path / "DONE").stat().st_size > _MOST_DONE or not all(file.is_file() for file in path.iterdir()):
            return False  # reading a pipe instead of a file would block
        done = json.loads((path / "DONE").read_text("utf-8"))
        hashes = done["sha256"].items()
        if done["version"] != VERSION or done["step"] != int(path.name) or path.name != f"{done['step']:012d}":
            return False
        if sum(file.stat().st_size for file in path.iterdir()) > _MOST_BYTES:
            return False
        return all(
            "/" not in name and (path / name).is_file() and _hash(path / name) == digest for name, digest in hashes
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def load(path: Path, seed: int) -> SeedState:
    """Load one seed's state from a complete checkpoint.

    Raises: FileNotFoundError if the checkpoint lacks the seed; ValueError if the seed's step is not the folder's name.
    """
    numbers = json.loads((path / f"seed-{seed}.json").read_text("utf-8"))
    if numbers["step"] != int(path.name):
        raise ValueError(f"{path} is damaged: it holds a state of step {numbers['step']}")
    return SeedState(seed, numbers["step"], numbers, load_file(path / f"seed-{seed}.safetensors"))


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
