"""Section with links to the videos of final policies in the result folder."""

from __future__ import annotations

from rlbench.analysis import Results
from rlbench.api.sections import Links, Paragraph, Section

FOLDER = "videos"


def section(results: Results) -> Section | None:
    """Return the videos of DIRECTORY/videos, labelled by the runs that they are named after."""
    paths = sorted((results.folder / FOLDER).glob("*.mp4"))
    videos = [path for path in paths if not path.name.startswith(".")]  # a dot file is still being written
    if not videos:
        return None
    runs = {run.name: run for run in results.run_by_key.values()}
    entries = []
    for path in videos:
        run = runs.get(path.stem)
        label = path.stem if run is None else f"{run.label or run.algorithm} on {run.task.name}, seed {run.seed}"
        entries.append((label, f"{FOLDER}/{path.name}"))
    return Section([Links(entries), Paragraph("Create videos with rlbench evaluate RUN --video FILE.", quiet=True)])
