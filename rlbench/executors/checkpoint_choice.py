"""The checkpoint that an attempt resumes from, and whether it still fits the code and the numerics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from rlbench.api import StoreError
from rlbench.executors.prepared_group import PreparedGroup
from rlbench.results.file_io import read_json
from rlbench.results.provenance import changed_sources
from rlbench.runtime import checkpoint
from rlbench.runtime.checkpoint import SeedState


class CheckpointChoice:
    """The checkpoints that a group may resume from. paths: by seed; if a seed has none, the group starts anew."""

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self._paths = paths

    def load(self, prepared: PreparedGroup, notice: Callable[[str], None]) -> tuple[list[SeedState], bool]:
        """Return the checkpoints to resume from, [] to start anew, and whether code or numerics have changed since.

        If they have changed, checkpoints are only used if the suite allows approximate resuming. notice: called to
        report that changed checkpoints are used, or why they are not. Raises: StoreError if one cannot be read.
        """
        states, changed = [], False
        for seed in prepared.group.seeds:
            if seed not in self._paths:
                return [], False
            path = self._paths[seed]
            differences = _differences(path, prepared)
            if differences and not prepared.approximate:
                notice(f"starts again at step 0: {differences[0]}")
                return [], False
            changed = changed or bool(differences)
            try:
                states.append(checkpoint.load(path, seed))
            except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
                raise StoreError(f"{path} cannot be read: {error}") from error
        if changed:
            notice("resuming although code or numerical settings differ from the checkpoint's")
        return states, changed

    def history(self, restored: Sequence[SeedState]) -> dict[int, tuple[Path, Any]]:
        """Return for each seed the attempt folder it resumes from, and the positions up to which its records count."""
        return {state.seed: (_attempt(self._paths[state.seed]), state.numbers["positions"]) for state in restored}


def _attempt(path: Path) -> Path:
    return path.parent.parent


def _differences(path: Path, prepared: PreparedGroup) -> list[str]:
    """Return what has changed since a checkpoint was written."""
    before = read_json(_attempt(path) / "made-by.json") or {}
    made_by = prepared.made_by
    differing = [
        f"{name} changed from {before.get(name)} to {made_by[name]}"
        for name in made_by
        if before.get(name) != made_by[name]
    ]
    return differing + changed_sources(before.get("dependencies"), prepared.plugin)
