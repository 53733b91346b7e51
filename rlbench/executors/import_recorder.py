"""The record of all modules that an attempt has imported, in made-by.json: its checkpoints depend on them."""

from __future__ import annotations

import time
from pathlib import Path

import gymnasium

from rlbench.api import RunGroup, canonical, group_as_dict
from rlbench.executors.prepared_group import PreparedGroup
from rlbench.plugins.entry_points import imported_by_others
from rlbench.results.code_dependencies import Dependencies, imported_code
from rlbench.results.file_io import write_json


class ImportRecorder:
    """A writer of made-by.json: code, numerics and the modules imported so far. New imports are added."""

    def __init__(self, folder: Path, prepared: PreparedGroup) -> None:
        self._path, self._prepared = folder / "made-by.json", prepared
        self._recorded: Dependencies = {}
        self._at: float | None = None
        write_json(self._path, prepared.made_by)

    def record(self) -> Dependencies:
        """Record the modules imported so far, and return them.

        Call this soon after imports: a module's file may be edited after it was imported and before it is hashed.
        """
        plugin, group = self._prepared.plugin, self._prepared.group
        foreign = imported_by_others(self._prepared.own_plugins)
        now = imported_code(plugin, self._recorded, foreign, _names_in(group), self._at)
        self._at = time.time()
        if now != self._recorded:
            self._recorded = now
            write_json(self._path, {**self._prepared.made_by, "dependencies": now})
        return self._recorded


def _names_in(group: RunGroup) -> str:
    """Return text that names the modules of a group's environment, wrappers and parameters."""
    ids = [task.env_id.rpartition(":")[2] for task in group.task.training_tasks]
    specs = [spec for env_id in ids if (spec := gymnasium.registry.get(env_id)) is not None]
    return " ".join([canonical(group_as_dict(group)), *(str(spec.entry_point) for spec in specs)])
