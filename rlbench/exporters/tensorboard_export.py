"""Event files of finished runs, with the tags and folders of `rlbench run --log tensorboard`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rlbench.analysis import Results
from rlbench.api import PluginError
from rlbench.exporters.run_history import Progress, published_runs, read_history


def write_event_files(results: Results, folder: Path, progress: Progress) -> Sequence[str]:
    """Write one event file for each run. The time of each scalar is that of the run's training clock.

    Raises: PluginError if tensorboard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise PluginError('--to tensorboard needs tensorboard: pip install "rlbench[tensorboard]"')
    from rlbench.trackers.event_files import EventFile

    for run in progress(published_runs(results)):
        history = read_history(results.store.folder(run), run, results.published[run.key])
        file = EventFile(folder, run)
        for scalars in history.scalars:
            file.write(scalars, history.time_at(scalars.step))
        file.close()
    return ()
