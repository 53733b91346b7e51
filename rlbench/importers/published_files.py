"""Readers of results that projects publish in their repositories, seed by seed. Each project has its own layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rlbench.importers import dreamerv3_files, marl_eval_files, tdmpc2_files
from rlbench.importers.discovery import ReadResult
from rlbench.importers.folder_walk import find_files
from rlbench.importers.imported_records import ForeignError, ImportedRecords, SkippedRun, SkippedSource, nothing_to_read
from rlbench.messages import nearest
from rlbench.text import counted

MOST_NAMED = 12  # most names that an error about an unknown name lists
Reader = Callable[[Path], list[ImportedRecords | SkippedSource]]
# For each format, the patterns of its files in a folder, and the function that reads a file.
FORMATS: Mapping[str, tuple[Sequence[str], Reader]] = {
    "tdmpc2": (tdmpc2_files.PATTERNS, tdmpc2_files.read_tdmpc2),
    "dreamerv3": (dreamerv3_files.PATTERNS, dreamerv3_files.read_dreamerv3),
    "marl-eval": (marl_eval_files.PATTERNS, marl_eval_files.read_marl_eval),
}


@dataclass(frozen=True)
class Selection:
    """The runs to import, and new names for their tasks.

    algorithms, environments: import only runs with these names; all runs if empty. An environment may be given by its
    name in rlbench's tables or by its name in the file. names: new environment ids, by either name.
    """

    algorithms: Sequence[str] = ()
    environments: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def includes(self, algorithm: str, environment: str, task: str) -> bool:
        return (not self.algorithms or algorithm in self.algorithms) and (
            not self.environments or environment in self.environments or task in self.environments
        )

    def new_name(self, algorithm: str, environment: str, task: str) -> str:
        return self.names.get(task, self.names.get(environment, environment))


def read_published(
    layout: str,
    sources: Sequence[Path],
    selection: Selection = Selection(),
    exclude: Sequence[str] = (),
    metric: str | None = None,
) -> ReadResult:
    """Read the published runs in files and folders.

    layout: a key of FORMATS. exclude: patterns of files and folders to ignore. metric: the metric to read from files of
    marl-eval, which may contain several.

    Raises: ForeignError if no run can be read, or if the selection has a name that no run has.
    """
    patterns, read = FORMATS[layout]
    if metric is not None:
        read = partial(marl_eval_files.read_marl_eval, metric=metric)
    result = ReadResult()
    for source in dict.fromkeys(sources):
        for path in _files(source, patterns, exclude, result):
            result.records += result.read(path, partial(read, path))
    if not result.records:
        raise ForeignError("\n".join(dict.fromkeys(one.why for one in result.skipped)) or "there is nothing to read")
    _select(result, selection)
    return result


def _files(source: Path, patterns: Sequence[str], exclude: Sequence[str], result: ReadResult) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        result.skipped.append(nothing_to_read(source))
        return []
    contents = find_files(source, patterns, exclude)
    result.skipped += contents.skipped
    result.notes += contents.notes
    if contents.excluded:
        result.notes.append(f"{source}: excluded: {counted(contents.excluded, 'file')}")
    paths = [path for files in contents.files.values() for path in files]
    if not paths and not contents.skipped:
        result.skipped.append(SkippedSource(str(source), f"{source}: no {patterns[0]} in it"))
    return paths


def _select(result: ReadResult, selection: Selection) -> None:
    """Keep only the selected runs, with their new names. Raises: ForeignError for a name that no run has."""
    skipped = [one for one in result.skipped if isinstance(one, SkippedRun)]
    cells = [*map(_cell, result.records), *map(_cell, skipped)]
    algorithms, tasks = {cell[0] for cell in cells}, {name for cell in cells for name in cell[1:]}
    for option, given, known in (
        ("-a", selection.algorithms, algorithms),
        ("-e", selection.environments, tasks),
        ("--rename", selection.names, tasks),
    ):
        for name in given:
            if name not in known:
                hint = nearest(name, sorted(known)) or f": {', '.join(sorted(known)[:MOST_NAMED])}"
                raise ForeignError(f"{option} {name}: no run in these files has this name{hint}")
    result.skipped = [
        SkippedSource(one.source, one.why)
        for one in result.skipped
        if not isinstance(one, SkippedRun) or selection.includes(*_cell(one))
    ]
    result.records = [
        replace(one, environment=selection.new_name(*_cell(one)))
        for one in result.records
        if selection.includes(*_cell(one))
    ]
    if not result.records:
        raise ForeignError(
            "\n".join([one.why for one in result.skipped] or ["no published run matches both -a and -e"])
        )


def _cell(run: ImportedRecords | SkippedRun) -> tuple[str, str, str]:
    """Return the run's label, its environment, and the project's name of its task."""
    if isinstance(run, SkippedRun):
        return run.algorithm, run.environment, run.task
    return run.algorithm, run.environment, run.publication.task if run.publication else run.environment
