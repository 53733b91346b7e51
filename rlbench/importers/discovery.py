"""Reading of all runs in files and folders: the kind of each file, the files of one run, and what is skipped."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from rlbench.importers import monitor_files, npz_files, tensorboard_files
from rlbench.importers.csv_files import read_csv
from rlbench.importers.decoding import SUFFIXES, read_text
from rlbench.importers.folder_walk import find_files
from rlbench.importers.imported_records import ForeignError, ImportedRecords, SkippedSource, drop_gaps, nothing_to_read
from rlbench.importers.path_template import Template, read_template
from rlbench.text import counted

TABLES = tuple(f"*.{kind}{suffix}" for kind in ("csv", "tsv") for suffix in SUFFIXES)
# Exceptions of readers for damaged or malicious files.
UNREADABLE = (OSError, csv.Error, ValueError, TypeError, OverflowError, RecursionError, MemoryError)
PATTERNS = (*TABLES, *monitor_files.PATTERNS, tensorboard_files.PATTERN, npz_files.PATTERN)


@dataclass
class ReadResult:
    """The runs that were read, the sources that were skipped, and notes in sentences."""

    records: list[ImportedRecords] = field(default_factory=list)
    skipped: list[SkippedSource] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def read(
        self, source: Path, read: Callable[[], Sequence[ImportedRecords | SkippedSource]]
    ) -> list[ImportedRecords]:
        """Return the runs in a source. If it cannot be read, add it to `skipped` and return no runs."""
        try:
            entries = read()
        except ForeignError as error:
            entries = [SkippedSource(str(source), str(error))]
        except UNREADABLE as error:
            entries = [SkippedSource(str(source), f"{source}: cannot be read: {error or type(error).__name__}")]
        self.skipped += [entry for entry in entries if isinstance(entry, SkippedSource)]
        return [entry for entry in entries if isinstance(entry, ImportedRecords)]


def read_sources(
    sources: Sequence[Path],
    columns: Mapping[str, str],
    tag: str | None,
    template: str | None,
    exclude: Sequence[str] = (),
) -> ReadResult:
    """Read every run in files and folders. Folders are searched with their subfolders, and links are followed.

    columns: column names of CSV files (rlbench.importers.csv_files). tag: the scalar to read in TensorBoard files.
    template: names in paths, such as "{algorithm}/{environment}_{seed}". It must match whole file and folder names at
    the end of each run's path; a single name may follow them.
    exclude: patterns of files and folders to ignore. Raises: ForeignError if no run can be read.
    """
    path_template = None if template is None else read_template(template)
    result = ReadResult()
    for source in dict.fromkeys(sources):
        runs = (
            _folder(source, columns, tag, exclude, result) if source.is_dir() else _file(source, columns, tag, result)
        )
        result.records += [run for one in runs if (run := _complete(one, path_template, result)) is not None]
    if not result.records:
        raise ForeignError("\n".join(dict.fromkeys(one.why for one in result.skipped)) or "there is nothing to read")
    return result


def _complete(records: ImportedRecords, template: Template | None, result: ReadResult) -> ImportedRecords | None:
    """Return the records without gaps, with the names in their path; None if the path does not match the template."""
    rows, notes = drop_gaps(records.rows)
    records = replace(records, rows=rows, notes=(*records.notes, *notes))
    completed = records if template is None else template.apply(records)
    if isinstance(completed, SkippedSource):
        result.skipped.append(completed)
        return None
    return completed


def _file(source: Path, columns: Mapping[str, str], tag: str | None, result: ReadResult) -> list[ImportedRecords]:
    if not source.is_file():
        result.skipped.append(nothing_to_read(source))
        return []
    if fnmatchcase(source.name, tensorboard_files.PATTERN):
        folder = source.parent
        events = sorted(path for path in folder.glob(tensorboard_files.PATTERN) if path.is_file())
        return result.read(source, lambda: [tensorboard_files.read_tensorboard(folder, events, tag)])
    if source.suffix == ".npz":
        return result.read(source, lambda: [npz_files.read_evaluations(source)])
    return result.read(source, lambda: _text(source, columns))


def _text(path: Path, columns: Mapping[str, str]) -> Sequence[ImportedRecords | SkippedSource]:
    if monitor_files.is_monitor(path, read_text(path)):
        return [monitor_files.read_monitor([path])]
    return read_csv(path, columns)


def _folder(
    source: Path, columns: Mapping[str, str], tag: str | None, exclude: Sequence[str], result: ReadResult
) -> list[ImportedRecords]:
    contents = find_files(source, PATTERNS, exclude)
    result.skipped += contents.skipped
    result.notes += [
        *contents.notes,
        *([f"{source}: excluded: {counted(contents.excluded, 'file')}"] if contents.excluded else []),
    ]
    runs = [run for folder, files in contents.files.items() for run in _runs(folder, files, columns, tag, result)]
    if (source / "suite.json").is_file() and (source / "runs").is_dir():
        why = f"{source}: an rlbench result folder; use `rlbench compare A B` or `rlbench report A B` with two of these"
        result.skipped.append(SkippedSource(str(source), why))
    elif not contents.files and not contents.skipped:
        kinds = "neither *monitor.csv nor event files nor *.csv nor evaluations.npz in it"
        result.skipped.append(SkippedSource(str(source), f"{source}: {kinds}"))
    return runs


def _runs(
    folder: Path, files: Sequence[Path], columns: Mapping[str, str], tag: str | None, result: ReadResult
) -> list[ImportedRecords]:
    """Return the runs in the files of one folder.

    The Monitor files of the folder, or else its event files, are one run, to which its evaluations belong. CSV tables
    may contain several runs. If there are Monitor files, event files and tables are ignored.
    """
    monitors = [path for path in files if _is_monitor(path)]
    events = [path for path in files if fnmatchcase(path.name, tensorboard_files.PATTERN)]
    evaluations = [path for path in files if path.name == npz_files.PATTERN]
    tables = [path for path in files if path not in (*monitors, *events, *evaluations)]
    training: list[ImportedRecords] = []
    if monitors:
        training = result.read(
            monitors[0] if len(monitors) == 1 else folder, lambda: [monitor_files.read_monitor(monitors)]
        )
        ignored = [*(["event files"] if events else []), *(path.name for path in tables)]
        tables = []
        if training and ignored:
            note = f"ignored, because there is a Monitor file: {', '.join(ignored)}"
            training = [replace(training[0], notes=(*training[0].notes, note))]
    elif events:
        training = result.read(folder, lambda: [tensorboard_files.read_tensorboard(folder, events, tag)])
    if evaluations:
        before = len(result.skipped)
        evaluated = result.read(evaluations[0], lambda: [npz_files.read_evaluations(evaluations[0])])
        # Without its evaluations, a run would be scored differently from the other runs.
        training = [_add_evaluations(folder, training, evaluated[0])] if len(result.skipped) == before else []
    for path in tables:
        training += result.read(path, partial(read_csv, path, columns))
    return training


def _is_monitor(path: Path) -> bool:
    """Return whether a file has the name and the content of a Monitor file. Reading errors are reported later."""
    if not any(fnmatchcase(path.name.lower(), pattern) for pattern in monitor_files.PATTERNS):
        return False
    try:
        return monitor_files.is_monitor(path, read_text(path))
    except (ForeignError, *UNREADABLE):
        return True


def _add_evaluations(folder: Path, training: Sequence[ImportedRecords], evaluated: ImportedRecords) -> ImportedRecords:
    """Return a run with the evaluations in evaluations.npz. Other evaluations in its training log are dropped."""
    if not training:
        return evaluated
    run = training[0]
    episodes = [row for row in run.rows if not row.evaluation]
    notes = [*run.notes, *evaluated.notes, f"its evaluations are those in {npz_files.PATTERN}"]
    if len(episodes) < len(run.rows):
        notes.append(f"skipped: {counted(len(run.rows) - len(episodes), 'other evaluation')}")
    rows = sorted([*episodes, *evaluated.rows], key=lambda row: row.step)
    return replace(run, source=str(folder), rows=rows, notes=tuple(notes))
