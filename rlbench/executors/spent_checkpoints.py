"""Deletion of checkpoints that are not needed any more, because their runs are published."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlbench.api import group_from_dict
from rlbench.results import Store
from rlbench.results.file_io import parse_json
from rlbench.results.json_shapes import check_attempt

_CHECKPOINT = re.compile(r"attempts/([^/.][^/]*)/checkpoints/[^/]+")  # the form of paths of checkpoints in group.json


def delete_spent(store: Store, attempt: Path) -> None:
    """Delete the checkpoints of an attempt that has published its runs, and of earlier attempts that it resumed from.

    An earlier attempt keeps its checkpoints while one of its runs is not published. Errors are ignored.
    """
    shutil.rmtree(attempt / "checkpoints", ignore_errors=True)
    known, waiting = {attempt.name}, [attempt]
    while waiting:
        for name in _continued(waiting.pop()) - known:
            known.add(name)
            earlier = attempt.with_name(name)
            if not earlier.is_symlink():
                waiting.append(earlier)
                if _is_published(store, earlier):
                    shutil.rmtree(earlier / "checkpoints", ignore_errors=True)


def _continued(attempt: Path) -> set[str]:
    """Return the names of the attempts with the checkpoints that an attempt resumes from."""
    found = map(_CHECKPOINT.fullmatch, _description(attempt).get("restore", {}).values())
    return {match[1] for match in found if match}


def _is_published(store: Store, attempt: Path) -> bool:
    """Return whether every run of an attempt is published."""
    try:
        runs = group_from_dict(_description(attempt)["group"]).runs
    except (KeyError, TypeError):
        return False
    return all((store.folder(run) / "result.json").exists() for run in runs)


def _description(attempt: Path) -> Mapping[str, Any]:
    try:
        return check_attempt(parse_json(attempt / "group.json"))
    except (OSError, ValueError):
        return {}
