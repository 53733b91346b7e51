"""The export of a result folder in another program's format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rlbench.analysis import Results
from rlbench.api import NothingToCompare
from rlbench.exporters import FORMATS
from rlbench.exporters.export_folder import replace_export
from rlbench.exporters.run_history import Progress

Writer = Callable[[Results, Path, Progress], Sequence[str]]


class ExportOutcome(NamedTuple):
    """The outcome of an export. runs: number of exported runs. files: the written files.

    notes: sentences on data that the format cannot hold.
    """

    runs: int
    files: Sequence[Path]
    notes: Sequence[str]


def export_results(
    results: Results,
    form: str,
    folder: Path,
    progress: Progress = lambda runs: runs,
    write: Writer | None = None,
) -> ExportOutcome:
    """Write all runs that have a score to `folder`. An earlier export of the same results and format is replaced.

    form: one of rlbench.exporters.FORMATS, or the name of the format that `write` writes. progress: passes the runs on,
    one by one, as they are written. write: the function that writes the format; None: the one of rlbench.exporters.
    Raises: NothingToCompare if no run has a score; PluginError if the format's package is not installed; StoreError if
    the folder has other content or cannot be written.
    """
    write = write or _writer(form)
    if not results.published:
        raise NothingToCompare(f"{results.folder} has no finished runs to export; `rlbench status` shows its runs")
    notes: list[str] = []
    files = replace_export(folder, results.folder, form, lambda draft: notes.extend(write(results, draft, progress)))
    return ExportOutcome(len(results.published), files, notes)


def _writer(form: str) -> Writer:
    """Return the function that writes a format. Its module is imported only now, since it may need an extra."""
    match form:
        case "tensorboard":
            from rlbench.exporters.tensorboard_export import write_event_files

            return write_event_files
        case "wandb":
            from rlbench.exporters.wandb_export import write_wandb_runs

            return write_wandb_runs
        case "marl-eval":
            from rlbench.exporters.marl_eval_export import write_marl_eval

            return write_marl_eval
        case "rliable":
            from rlbench.exporters.rliable_export import write_rliable

            return write_rliable
        case "huggingface":
            from rlbench.exporters.huggingface_export import write_model_folders

            return write_model_folders
    raise ValueError(f"no format {form!r}; there are {', '.join(FORMATS)}")
