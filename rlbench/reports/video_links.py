"""Links to the videos of final policies that lie in the result folder."""

from __future__ import annotations

import os
from pathlib import Path

from rlbench.api.sections import Links, Paragraph, Section
from rlbench.reports.report_data import Readings

FOLDER = "videos"


def section(readings: Readings) -> Section | None:
    """Those of DIRECTORY/videos, told by the runs that they are named after."""
    there = sorted((readings.store.root / FOLDER).glob("*.mp4"))
    found = [path for path in there if not path.name.startswith(".")]  # that would be one being made
    if not found:
        return None
    runs = {run.name: run for run in readings.asked.values()}
    entries = []
    for path in found:
        run = runs.get(path.stem)
        told = path.stem if run is None else f"{run.label or run.algorithm} on {run.task.env_id}, seed {run.seed}"
        entries.append((told, _from(readings, path)))
    return Section([Links(entries), Paragraph("Made by rlbench evaluate RUN --video FILE.", quiet=True)])


def _from(readings: Readings, path: Path) -> str:
    start = readings.place or readings.store.root
    return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(start))).as_posix()
