"""From paths to runs: what kind of file each is, and what its path says of the run."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rlbench.results.foreign import monitor, tensorboard
from rlbench.results.foreign.csv import read_csv
from rlbench.results.foreign.told import ForeignError, Told

PLACES = ("algorithm", "environment", "seed")


def read_sources(
    sources: Sequence[Path], columns: Mapping[str, str], tag: str | None, template: str | None
) -> list[Told]:
    """Every run in files and folders, folders searched through.

    columns: of CSV files (rlbench.results.foreign.csv); tag: of TensorBoard's; template: such as
    "{algorithm}/{environment}_{seed}", matched against the end of each run's path, whole parts of it.
    Raises: ForeignError for what cannot be read.
    """
    pattern = None if template is None else _pattern(template)
    found = []
    for source in sources:
        try:
            read = _read(source, columns, tag)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ForeignError(f"{source}: cannot be read: {error}") from error
        found += [told if pattern is None else _placed(told, pattern, str(template)) for told in read]
    return found


def _read(source: Path, columns: Mapping[str, str], tag: str | None) -> list[Told]:
    if source.is_file():
        if source.name.startswith(tensorboard.PATTERN.rstrip("*")):
            return [tensorboard.read_tensorboard(source.parent, tag)]
        return [monitor.read_monitor([source])] if monitor.is_monitor(source) else read_csv(source, columns)
    if not source.is_dir():
        raise ForeignError(f"{source}: there is no such file or folder")
    monitors: dict[Path, list[Path]] = {}
    for path in sorted(source.rglob(monitor.PATTERN)):
        monitors.setdefault(path.parent, []).append(path)
    events = sorted({path.parent for path in source.rglob(tensorboard.PATTERN)} - set(monitors))
    tables = sorted(
        path for path in source.rglob("*.csv") if not path.match(monitor.PATTERN) and path.parent not in monitors
    )
    runs = [monitor.read_monitor(paths) for paths in monitors.values()]
    runs += [tensorboard.read_tensorboard(folder, tag) for folder in events]
    runs += [told for path in tables for told in read_csv(path, columns)]
    if not runs:
        raise ForeignError(f"{source}: neither *monitor.csv nor event files nor *.csv in it")
    return runs


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template.strip("/"))
    unknown = [name for name in parts[1::2] if name not in PLACES]
    if unknown or len(parts) == 1:
        raise ForeignError(f"--path {template}: it takes {', '.join(f'{{{name}}}' for name in PLACES)}")
    kinds = {"algorithm": "[^/]+?", "environment": "[^/]+?", "seed": r"\d+"}
    text = "".join(re.escape(part) if i % 2 == 0 else f"(?P<{part}>{kinds[part]})" for i, part in enumerate(parts))
    return re.compile(rf"(?:^|/){text}(?:/[^/]*)?$")


def _placed(told: Told, pattern: re.Pattern[str], template: str) -> Told:
    """The run with what its path says of it."""
    match = pattern.search(told.source)
    if match is None:
        raise ForeignError(f"{told.source} is not like --path {template}")
    said = match.groupdict()
    return replace(
        told,
        algorithm=said.get("algorithm") or told.algorithm,
        environment=said.get("environment") or told.environment,
        seed=int(said["seed"]) if "seed" in said else told.seed,
    )
