"""Section with links to the videos of final policies in the result folder."""

from __future__ import annotations

import os
from pathlib import Path

from rlbench.api.sections import Links, Paragraph, Section
from rlbench.reports.report_data import ReportData

FOLDER = "videos"


def section(data: ReportData) -> Section | None:
    """Return the videos of DIRECTORY/videos, labelled by the runs that they are named after."""
    paths = sorted((data.store.root / FOLDER).glob("*.mp4"))
    videos = [path for path in paths if not path.name.startswith(".")]  # a dot file is still being written
    if not videos:
        return None
    runs = {run.name: run for run in data.planned.values()}
    entries = []
    for path in videos:
        run = runs.get(path.stem)
        label = path.stem if run is None else f"{run.label or run.algorithm} on {run.task.env_id}, seed {run.seed}"
        entries.append((label, _relative_path(data, path)))
    return Section([Links(entries), Paragraph("Create videos with rlbench evaluate RUN --video FILE.", quiet=True)])


def _relative_path(data: ReportData, path: Path) -> str:
    start = data.place or data.store.root
    return Path(os.path.relpath(os.path.realpath(path), os.path.realpath(start))).as_posix()
