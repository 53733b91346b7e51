"""The checkpoints from which an attempt resumes, and a check that they fit the present code and numerics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError

from rlbench.api import Run, RunGroup, StoreError
from rlbench.executors.prepared_group import PreparedGroup
from rlbench.results.attempt_files import describe_attempt, member_of
from rlbench.results.file_io import read_json
from rlbench.results.jsonl_records import Earlier
from rlbench.results.provenance import changed_sources
from rlbench.runtime import checkpoint
from rlbench.runtime.checkpoint import SeedState


class CheckpointChoice:
    """The checkpoints from which a group may resume.

    paths: by member of the group. If a member has no checkpoint, all members start at step 0.
    """

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self._paths = paths

    def load(self, prepared: PreparedGroup, notice: Callable[[str], None]) -> tuple[list[SeedState], bool]:
        """Return the checkpoints to resume from ([]: start at step 0), and whether code or numerics have changed since.

        Checkpoints of other code or numerics are used only if the suite allows approximate resuming. notice: is called
        with a text if they are used, and with the reason if they are not. Raises: StoreError if one cannot be read.
        """
        states, changed = [], False
        for member, run in zip(prepared.group.members, prepared.group.runs):
            if member not in self._paths:
                return [], False
            path = self._paths[member]
            differences = _differences(path, prepared)
            if differences and not prepared.approximate:
                notice(f"starts again at step 0: {differences[0]}")
                return [], False
            changed = changed or bool(differences)
            try:
                states.append(_load(path, run))
            except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
                raise StoreError(f"{path} cannot be read: {error}") from error
        if changed:
            notice("resuming although code or numerical settings differ from those of the checkpoint")
        return states, changed

    def history(self, group: RunGroup, restored: Sequence[SeedState]) -> dict[int, Earlier]:
        """Return, for each member of the group, its records up to its checkpoint, in the earlier attempt."""
        return {
            member: Earlier(_attempt(self._paths[member]), state.numbers["positions"], state.seed)
            for member, state in zip(group.members, restored)
        }


def _load(path: Path, run: Run) -> SeedState:
    """Return a run's part of a checkpoint. Raises: the errors of `checkpoint.load`; OSError, ValueError."""
    member = member_of(describe_attempt(_attempt(path)), run.key)
    if member is None:
        raise ValueError("it is of an attempt that did not train this run")
    return checkpoint.load(path, member)


def _attempt(path: Path) -> Path:
    return path.parent.parent


def _differences(path: Path, prepared: PreparedGroup) -> list[str]:
    """Return in words how code and numerics have changed since a checkpoint was written."""
    before = read_json(_attempt(path) / "made-by.json") or {}
    made_by = prepared.made_by
    differing = [
        f"{name} changed from {before.get(name)} to {made_by[name]}"
        for name in made_by
        if before.get(name) != made_by[name]
    ]
    return differing + changed_sources(before.get("dependencies"), prepared.plugin)
