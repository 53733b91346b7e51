"""Offline W&B runs of finished runs, with the names of `rlbench run --log wandb`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rlbench.analysis import Results
from rlbench.api import PluginError
from rlbench.exporters.run_history import Progress, published_runs, read_history


def write_wandb_runs(results: Results, folder: Path, progress: Progress) -> Sequence[str]:
    """Write one W&B run for each run. Raises: PluginError if wandb is not installed."""
    if find_spec("wandb") is None:
        raise PluginError('--to wandb needs wandb: pip install "rlbench[wandb]"')
    from rlbench.trackers.wandb_runs import WandbRun, end_service

    try:
        for run in progress(published_runs(results)):
            writer = WandbRun(folder, results.name, run)
            for scalars in read_history(results.store.folder(run), run, results.published[run.key]).scalars:
                writer.write(scalars)
            writer.close()
    finally:
        end_service()
    return ()
