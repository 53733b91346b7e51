"""Evaluations in the JSON layout of marl-eval (id-marl-eval), as rlbench, Mava, Stoix and BenchMARL write them.

environment → task → algorithm → seed_K → step_I: {step_count, elapsed_time, METRIC: [a number for each episode]}.
Beside the steps is absolute_metrics: {METRIC: [a number for each episode]}. Below the seed, upper and lower case are
equal, as for marl-eval. Source of the absolute metric: Gorsane et al. 2022, arXiv:2209.10485.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlbench.api import LARGEST_RETURN
from rlbench.importers.decoding import SUFFIXES, read_text
from rlbench.importers.imported_records import (
    LARGEST_STEP,
    ForeignError,
    ImportedRecords,
    Publication,
    Row,
    SkippedRun,
    SkippedSource,
    drop_gaps,
    refuse_many,
)
from rlbench.text import counted

PROJECT = "its authors (marl-eval)"
PATTERNS = tuple(f"*.json{suffix}" for suffix in SUFFIXES)
METRICS = ("return", "episode_return", "mean_episode_return", "mean_return", "team_return")  # in order of preference
_EXPORT = "rlbench-export.json"  # `rlbench export` writes it beside its files
_ABSOLUTE, _COUNT, _TIME = "absolute_metrics", "step_count", "elapsed_time"
_LAYOUT = "marl-eval's layout is environment → task → algorithm → seed_K → step_I"
_OF_FINAL = "scores are evaluations of the final policy (absolute metrics of an export of rlbench)"
_OF_BEST = (
    "scores are absolute metrics, which marl-eval defines as evaluations of the best policy during training, not of the"
    " final one"
)
_OF_LAST = "scores are the last evaluations"
_HIGHEST = f"{_OF_LAST}, because the files have the highest return of a single episode in place of an absolute metric"


@dataclass(frozen=True)
class _Entry:
    """A run in the document.

    where: its place, for errors. world: the environment. steps: the contents of each step and of absolute_metrics, by
    lower-case names.
    """

    where: str
    world: str
    task: str
    algorithm: str
    seed: int
    steps: Mapping[str, Mapping[str, Any]]

    @property
    def metrics(self) -> set[str]:
        """The metrics of all steps."""
        names = {name for key, step in self.steps.items() if key != _ABSOLUTE for name in step}
        return names - {_COUNT, _TIME}


def read_marl_eval(path: Path, metric: str | None = None) -> list[ImportedRecords | SkippedSource]:
    """Read the runs in a file. metric: the metric to read; None: the first one in METRICS that all runs have.

    Raises: ForeignError with the place if something is invalid, or if a run does not have the metric.
    """
    if path.name == _EXPORT:
        return []
    try:
        document = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ForeignError(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}; {_LAYOUT}") from None
    entries = list(_entries(path, document))
    name = _choose(path, entries, metric)
    worlds: dict[str, set[str]] = {}
    for entry in entries:
        worlds.setdefault(entry.task, set()).add(entry.world)
    refuse_many(path, sum(len(entry.steps) for entry in entries))
    is_export = _is_export(path)
    return [_run(path, entry, name, len(worlds[entry.task]) > 1, is_export) for entry in entries]


def _entries(path: Path, document: Any) -> Iterator[_Entry]:
    for world, tasks in _parts(f"{path}", document, "an environment"):
        for task, algorithms in _parts(f"{path}: {world}", tasks, "a task"):
            for algorithm, seeds in _parts(f"{path}: {world}/{task}", algorithms, "an algorithm"):
                numbers: dict[int, str] = {}
                for key, steps in _parts(f"{path}: {world}/{task}/{algorithm}", seeds, "a seed"):
                    where = f"{path}: {world}/{task}/{algorithm}/{key}"
                    seed = _seed(where, key)
                    if seed in numbers:
                        raise ForeignError(
                            f"{where}: this entry and {numbers[seed]} have the same seed; keep one entry for each seed"
                        )
                    numbers[seed] = key
                    parts = {
                        name.lower(): {each.lower(): value for each, value in _object(f"{where}/{name}", step).items()}
                        for name, step in _parts(where, steps, "a step")
                    }
                    yield _Entry(where, world, task, algorithm, seed, parts)


def _parts(where: str, value: Any, part: str) -> Sequence[tuple[str, Any]]:
    """Return the named parts of an object. part: one part, in words. Raises: ForeignError if there are no parts."""
    parts = _object(where, value)
    if not parts:
        raise ForeignError(f"{where} is empty: it needs {part}; {_LAYOUT}")
    return list(parts.items())


def _object(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ForeignError(f"{where} is not a JSON object; {_LAYOUT}")
    return value


def _seed(where: str, key: str) -> int:
    match = re.fullmatch(r"(?:[a-z]+_?)?(-?\d+)", key, re.IGNORECASE)
    if match is None:
        raise ForeignError(f"{where}: {key!r} should be seed_ and a whole number")
    return int(match[1])


def _choose(path: Path, entries: Sequence[_Entry], metric: str | None) -> str:
    """Return the metric to read, in lower case. Raises: ForeignError with a list of the file's metrics."""
    played = [entry for entry in entries if entry.metrics]
    for name in METRICS if metric is None else (metric.lower(),):
        if played and all(name in entry.metrics for entry in played):
            return name
    names = ", ".join(sorted(set[str]().union(*(entry.metrics for entry in entries)))) or "none"
    if metric is None:
        raise ForeignError(
            f"{path}: none of the metrics {', '.join(METRICS)} is in all of its runs; --metric NAME reads "
            f"another metric; metrics in the file: {names}"
        )
    lacking = next((entry.where for entry in played if metric.lower() not in entry.metrics), str(path))
    raise ForeignError(f"{lacking}: no metric {metric!r}; metrics in the file: {names}")


def _run(
    path: Path, entry: _Entry, metric: str, is_ambiguous: bool, is_export: bool
) -> ImportedRecords | SkippedSource:
    """Return the run of an entry. is_ambiguous: whether another environment has a task of the same name."""
    rows, notes, seconds = _rows(entry, metric)
    name = f"{entry.world}/{entry.task}"
    environment = name if is_ambiguous else entry.task
    if not rows:
        why = f"{entry.where}: no step has a {metric}, so the length of the run is unknown"
        return SkippedRun(str(path), why, entry.algorithm, environment, name)
    absolute = entry.steps.get(_ABSOLUTE, {})
    final = _numbers(f"{entry.where}/{_ABSOLUTE}", metric, absolute[metric]) if metric in absolute else []
    scores = _OF_LAST if not final else _OF_FINAL if is_export else _OF_BEST
    if len(final) == 1 and seconds is None and final[0] == max(row.return_ for row in rows):
        # Only BenchMARL writes no time. Its absolute metric is the maximum over all episodes.
        final, scores = [], _HIGHEST
    if not all(abs(value) <= LARGEST_RETURN for value in final):  # the run diverged at its end
        rows += [Row(rows[-1].step, value, 0, True) for value in final]
        final = []
    rows, gaps = drop_gaps(rows)
    quantity = "return" if "return" in metric else metric
    return ImportedRecords(
        str(path),
        rows,
        entry.algorithm,
        environment,
        entry.seed,
        seconds,
        notes=(*notes, *gaps),
        publication=Publication(PROJECT, entry.algorithm, name, f"steps are {_COUNT} of the file", scores, quantity),
        final=tuple(final),
    )


def _rows(entry: _Entry, metric: str) -> tuple[list[Row], tuple[str, ...], float | None]:
    """Return the evaluations in the order of their steps, notes, and the run's seconds (None if unknown)."""
    by_step: dict[int, tuple[str, list[float]]] = {}
    lacking, seconds = 0, list[float]()
    for name, step in entry.steps.items():
        if name == _ABSOLUTE:
            continue
        where = f"{entry.where}/{name}"
        count = _count(where, step.get(_COUNT))
        if count in by_step:
            raise ForeignError(f"{where}: {by_step[count][0]} has the same {_COUNT}, {count:,}")
        values = _numbers(where, metric, step[metric]) if metric in step else []
        lacking += not values
        by_step[count] = name, values
        if _TIME in step:
            seconds += _numbers(where, _TIME, step[_TIME])
    rows = [Row(step, value, 0, True) for step, (_, values) in sorted(by_step.items()) for value in values]
    notes = (f"skipped: {counted(lacking, 'step')} without a {metric}",) if lacking else ()
    return rows, notes, max(seconds, default=None)


def _numbers(where: str, name: str, value: Any) -> list[float]:
    """Return the numbers in a list, or a number as a list. They may be infinite or NaN, which Python's json reads."""
    numbers = value if isinstance(value, list) else [value]
    for number in numbers:
        if not isinstance(number, (int, float)) or isinstance(number, bool):
            raise ForeignError(f"{where}: {name} has {number!r}, not a number")
    return [float(number) for number in numbers]


def _count(where: str, value: Any) -> int:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or value != int(value) or not 0 <= value <= LARGEST_STEP:
        raise ForeignError(f"{where}: {_COUNT} is {value!r}, not a whole number from 0 to {LARGEST_STEP:,}")
    return int(value)


def _is_export(path: Path) -> bool:
    """Return whether `rlbench export` wrote this file. The record beside the file shows it."""
    try:
        record = json.loads(read_text(path.with_name(_EXPORT)))
        return record["format"] == "marl-eval" and path.name in record["files"]
    except (OSError, ForeignError, ValueError, KeyError, TypeError):
        return False
