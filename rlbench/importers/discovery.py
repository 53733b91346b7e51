"""From paths to runs: what kind of file each is, which files are of one run, and what could not be read."""

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
from rlbench.importers.imported_records import ForeignError, Skipped, Told, counted, without_gaps
from rlbench.importers.path_template import Template, read_template

TABLES = tuple(f"*.{kind}{suffix}" for kind in ("csv", "tsv") for suffix in SUFFIXES)
PATTERNS = (*TABLES, *monitor_files.PATTERNS, tensorboard_files.PATTERN, npz_files.PATTERN)


@dataclass
class Reading:
    """The runs that were found; what was not taken, and why; what else is to be known, in sentences."""

    told: list[Told] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def attempt(self, source: Path, read: Callable[[], Sequence[Told | Skipped]]) -> list[Told]:
        """What a file tells; one that cannot be read costs itself alone."""
        try:
            found = read()
        except ForeignError as error:
            found = [Skipped(str(source), str(error))]
        except (OSError, csv.Error) as error:
            found = [Skipped(str(source), f"{source}: cannot be read: {error}")]
        self.skipped += [one for one in found if isinstance(one, Skipped)]
        return [one for one in found if isinstance(one, Told)]


def read_sources(
    sources: Sequence[Path],
    columns: Mapping[str, str],
    tag: str | None,
    template: str | None,
    exclude: Sequence[str] = (),
) -> Reading:
    """Every run in files and folders, folders searched through, links followed.

    columns: of CSV files (rlbench.importers.csv_files); tag: of TensorBoard's; template: such as
    "{algorithm}/{environment}_{seed}", matched against the end of each run's path, whole parts of it; exclude: patterns of
    what in folders is not looked at. Raises: ForeignError where nothing at all can be read.
    """
    place = None if template is None else read_template(template)
    reading = Reading()
    for source in dict.fromkeys(sources):
        found = (
            _folder(source, columns, tag, exclude, reading) if source.is_dir() else _file(source, columns, tag, reading)
        )
        reading.told += [told for one in found if (told := _placed(one, place, reading)) is not None]
    if not reading.told:
        raise ForeignError("\n".join(dict.fromkeys(one.why for one in reading.skipped)) or "there is nothing to read")
    return reading


def _placed(told: Told, template: Template | None, reading: Reading) -> Told | None:
    """The run without gaps and with what its path says, or None."""
    rows, notes = without_gaps(told.rows)
    told = replace(told, rows=rows, notes=(*told.notes, *notes))
    found = told if template is None else template.place(told)
    if isinstance(found, Skipped):
        reading.skipped.append(found)
        return None
    return found


def _file(source: Path, columns: Mapping[str, str], tag: str | None, reading: Reading) -> list[Told]:
    if not source.is_file():
        reading.skipped.append(Skipped(str(source), f"{source}: there is no such file or folder"))
        return []
    if fnmatchcase(source.name, tensorboard_files.PATTERN):
        folder = source.parent
        events = sorted(path for path in folder.glob(tensorboard_files.PATTERN) if path.is_file())
        return reading.attempt(source, lambda: [tensorboard_files.read_tensorboard(folder, events, tag)])
    if source.suffix == ".npz":
        return reading.attempt(source, lambda: [npz_files.read_evaluations(source)])
    return reading.attempt(source, lambda: _text(source, columns))


def _text(path: Path, columns: Mapping[str, str]) -> Sequence[Told | Skipped]:
    if monitor_files.is_monitor(path, read_text(path)):
        return [monitor_files.read_monitor([path])]
    return read_csv(path, columns)


def _folder(
    source: Path, columns: Mapping[str, str], tag: str | None, exclude: Sequence[str], reading: Reading
) -> list[Told]:
    found = find_files(source, PATTERNS, exclude)
    reading.skipped += found.skipped
    reading.notes += [
        *found.notes,
        *([f"{source}: excluded: {counted(found.excluded, 'file')}"] if found.excluded else []),
    ]
    runs = [told for folder, files in found.files.items() for told in _runs(folder, files, columns, tag, reading)]
    if (source / "suite.json").is_file() and (source / "runs").is_dir():
        why = (
            f"{source}: results of rlbench's own; `rlbench compare A B` and `rlbench report A B` take two such folders"
        )
        reading.skipped.append(Skipped(str(source), why))
    elif not found.files:
        kinds = "neither *monitor_files.csv nor event files nor *.csv nor evaluations.npz in it"
        reading.skipped.append(Skipped(str(source), f"{source}: {kinds}"))
    return runs


def _runs(
    folder: Path, files: Sequence[Path], columns: Mapping[str, str], tag: str | None, reading: Reading
) -> list[Told]:
    """What the files of one folder tell: one run by its own logger, with its evaluations; or tables, of any runs."""
    monitors = [path for path in files if _is_monitor(path)]
    events = [path for path in files if fnmatchcase(path.name, tensorboard_files.PATTERN)]
    evaluations = [path for path in files if path.name == npz_files.PATTERN]
    tables = [path for path in files if path not in (*monitors, *events, *evaluations)]
    training: list[Told] = []
    if monitors:
        training = reading.attempt(
            monitors[0] if len(monitors) == 1 else folder, lambda: [monitor_files.read_monitor(monitors)]
        )
        left = [*(["event files"] if events else []), *(path.name for path in tables)]
        tables = []
        if training and left:
            training = [replace(training[0], notes=(*training[0].notes, f"beside it, not read: {', '.join(left)}"))]
    elif events:
        training = reading.attempt(folder, lambda: [tensorboard_files.read_tensorboard(folder, events, tag)])
    if evaluations:
        before = len(reading.skipped)
        evaluated = reading.attempt(evaluations[0], lambda: [npz_files.read_evaluations(evaluations[0])])
        # Without its evaluations a run would be scored otherwise than those beside it.
        training = [_together(folder, training, evaluated[0])] if len(reading.skipped) == before else []
    for path in tables:
        training += reading.attempt(path, partial(read_csv, path, columns))
    return training


def _is_monitor(path: Path) -> bool:
    """Whether it is called so and is one; what cannot be read is told when it is read."""
    if not any(fnmatchcase(path.name.lower(), pattern) for pattern in monitor_files.PATTERNS):
        return False
    try:
        return monitor_files.is_monitor(path, read_text(path))
    except (OSError, ForeignError):
        return True


def _together(folder: Path, training: Sequence[Told], evaluated: Told) -> Told:
    """A run with its evaluations, which are scored; what it told of evaluations elsewhere is left out."""
    if not training:
        return evaluated
    run = training[0]
    kept = [row for row in run.rows if not row.evaluation]
    notes = [*run.notes, *evaluated.notes, f"its evaluations are those in {npz_files.PATTERN}"]
    if len(kept) < len(run.rows):
        notes.append(f"left out: {counted(len(run.rows) - len(kept), 'other point')} of evaluations or means")
    rows = sorted([*kept, *evaluated.rows], key=lambda row: row.step)
    return replace(run, source=str(folder), rows=rows, notes=tuple(notes))
