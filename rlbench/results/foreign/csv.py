"""A CSV file with a row for each episode or evaluation of any number of runs, whatever its columns are called."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from rlbench.results.foreign.told import ForeignError, Row, Told

# The columns that mean something here, and what others call them.
NAMES: Mapping[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "timestep", "timesteps", "total_timesteps", "steps"),
    "return": ("return", "episodic_return", "episode_return", "return_mean", "mean_return", "reward", "score"),
    "length": ("length", "episodic_length", "episode_length"),
    "kind": ("kind",),
    "algorithm": ("algorithm", "algo", "agent"),
    "environment": ("environment", "env", "env_id", "task"),
    "seed": ("seed",),
}
KINDS = {"episode": False, "": False, "evaluation": True}


def read_csv(path: Path, columns: Mapping[str, str]) -> list[Told]:
    """The runs in a file. columns: what its columns are called, by the names here; others are guessed.

    Raises: ForeignError with the line.
    """
    runs: dict[tuple[str, str, int | None], list[Row]] = {}
    with open(path, newline="", encoding="utf-8-sig") as lines:
        table = csv.DictReader(lines)
        place = _places(path, table.fieldnames or (), columns)
        for entry in table:
            where = f"{path}:{table.line_num}"
            text = {name: (entry[column] or "").strip() for name, column in place.items()}
            seed = _whole(where, "seed", text["seed"]) if text.get("seed") else None
            run = text.get("algorithm", ""), text.get("environment", ""), seed
            runs.setdefault(run, []).append(_row(where, text))
    if not runs:
        raise ForeignError(f"{path}: no rows in it")
    return [Told(str(path), sorted(rows, key=lambda row: row.step), *run) for run, rows in runs.items()]


def _places(path: Path, header: object, columns: Mapping[str, str]) -> dict[str, str]:
    """Which of its columns each of ours is."""
    there = list(header) if isinstance(header, (list, tuple)) else []
    found = {}
    for name, known in NAMES.items():
        wanted = (columns[name],) if name in columns else known
        match = next((column for alias in wanted for column in there if column.strip().lower() == alias.lower()), None)
        if match is not None:
            found[name] = match
        elif name in columns or name in ("step", "return"):
            said = f"no column {columns[name]!r}" if name in columns else f"no column for the {name}"
            raise ForeignError(f"{path}: {said}; it has {', '.join(there) or 'none'}; say --column {name}=COLUMN")
    return found


def _row(where: str, text: Mapping[str, str]) -> Row:
    kind = text.get("kind", "").lower()
    if kind not in KINDS:
        raise ForeignError(f"{where}: kind {kind!r}; it is episode or evaluation")
    length = _whole(where, "length", text["length"]) if text.get("length") else 0
    try:
        return_ = float(text["return"])
    except ValueError:
        raise ForeignError(f"{where}: return {text['return']!r} is no number") from None
    return Row(_whole(where, "step", text["step"]), return_, length, KINDS[kind])


def _whole(where: str, name: str, text: str) -> int:
    try:
        value = float(text)
        if value != int(value) or value < 0:
            raise ValueError
    except (ValueError, OverflowError):
        raise ForeignError(f"{where}: {name} {text!r} is no whole number") from None
    return int(value)
