"""The folder of an export: written as a draft, then moved to its place, where it may replace only an earlier export."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlbench.api import StoreError
from rlbench.results.file_io import is_within, make_folder, parse_json, temporary_path, unwritable, write_json

RECORD = "rlbench-export.json"
_ADVICE = "choose another folder with -o"


def replace_export(folder: Path, results: Path, form: str, write: Callable[[Path], object]) -> list[Path]:
    """Call `write` with an empty folder, and move the files that it writes to `folder`. Returns: the paths of the
    files.

    results: the result folder that is exported. If `folder` contains an earlier export of it in the same format, the
    files of that export are removed; other files stay. Raises: StoreError, before anything is written, if `folder` is
    not empty and contains no such export.
    """
    earlier = _earlier_files(folder, results, form)
    make_folder(folder.parent)
    try:
        draft = temporary_path(folder)
        draft.mkdir()
        try:
            write(draft)
            files = [path for path in draft.rglob("*") if path.is_file() and not path.is_symlink()]
            files = sorted(path.relative_to(draft) for path in files)
            make_folder(folder)
            _remove(folder, earlier)
            record = {"schema_version": 1, **_identity(folder, results, form), "files": [str(path) for path in files]}
            write_json(folder / RECORD, record)  # first, so that an interrupted export can be repeated
            for path in files:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(draft / path, folder / path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return [folder / path for path in files]


def exported_files(folder: Path, form: str) -> list[str]:
    """Return the paths of the files that an export in one format wrote into a folder; [] if there is no such export."""
    try:
        record: Any = parse_json(folder / RECORD)
    except (OSError, ValueError):
        return []
    files = record.get("files") if isinstance(record, dict) and record.get("format") == form else None
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _identity(folder: Path, results: Path, form: str) -> dict[str, str]:
    return {"format": form, "results": os.path.relpath(results.resolve(), folder.resolve())}


def _earlier_files(folder: Path, results: Path, form: str) -> list[Path]:
    """Return the files of an earlier export in `folder`, relative to it; none if the folder is empty or missing.

    Raises: StoreError if it contains something else.
    """
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return []
        record: Any = parse_json(folder / RECORD)
    except NotADirectoryError:
        raise StoreError(f"{folder} is a file; {_ADVICE}") from None
    except FileNotFoundError:
        raise StoreError(f"{folder} is not empty, and has no earlier export of {results}; {_ADVICE}") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder / RECORD} cannot be read ({error}); {_ADVICE}") from error
    files = record.get("files") if isinstance(record, dict) else None
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise StoreError(f"{folder / RECORD} was not written by rlbench; {_ADVICE}")
    if {name: record.get(name) for name in ("format", "results")} != _identity(folder, results, form):
        raise StoreError(f"{folder} has an export of other results, or in another format; {_ADVICE}")
    return [Path(name) for name in files]


def _remove(folder: Path, files: list[Path]) -> None:
    """Remove files below `folder`, and the folders that are then empty."""
    for path in files:
        place = folder / path
        if path.is_absolute() or ".." in path.parts or not is_within(folder, place.parent):
            continue  # the list is not trusted: anybody can write it
        if place.is_file() or place.is_symlink():
            place.unlink()
        for parent in path.parents:
            if parent != Path(".") and (folder / parent).is_dir() and not any((folder / parent).iterdir()):
                (folder / parent).rmdir()
