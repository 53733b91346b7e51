"""The files of exported traces: for each run the actions of its final evaluation, and a header that names the run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rlbench.api import Run, StoreError
from rlbench.exporters.export_folder import exported_files
from rlbench.reevaluation.action_trace import STORED, ActionForm
from rlbench.results.file_io import parse_json, why_unreadable
from rlbench.results.json_shapes import ShapeError, check_object, parse_run
from rlbench.results.requested_runs import spec_of

FORMAT = "traces"  # value of `rlbench export --to`
SCHEMA_VERSION = 1
_BETWEEN = "--"  # separates the parts of a run's name
_MOST_NUMBERS = 1 << 20  # numbers in one action


class Trace(NamedTuple):
    """One run's trace. path: its parquet file. form: dtype and shape of one action. episodes: number of episodes."""

    run: Run
    path: Path
    form: ActionForm
    episodes: int


def write_header(path: Path, run: Run, form: ActionForm, episodes: int) -> None:
    """Write the JSON header beside a trace. path: the trace's file; the header has the suffix .json instead."""
    header = {
        "schema_version": SCHEMA_VERSION,
        "run": run.name,
        "algorithm": run.label or run.algorithm,
        "environment": run.task.name,
        "register": list(run.task.register),
        "episodes": episodes,
        "actions": {"dtype": form.dtype, "shape": list(form.shape)},
        "spec": spec_of(run),
    }
    path.with_suffix(".json").write_text(json.dumps(header, indent=1) + "\n", "utf-8")


def read_headers(folder: Path) -> dict[str, Trace | StoreError]:
    """Return the traces in a folder by the names of their runs, sorted, or the error of a missing or damaged trace.

    A trace is missing if one of its two files is gone, or both files are gone although the export wrote them.
    Raises: StoreError if the folder has no trace.
    """
    names = {Path(name).stem for name in exported_files(folder, FORMAT) if "/" not in name}
    names |= {path.stem for path in folder.glob("*.parquet") if _BETWEEN in path.stem}
    names |= {path.stem for path in folder.glob("*.json") if isinstance(_read_header(path), Trace)}
    if not names:
        raise StoreError(f"{folder} has no traces; `rlbench export DIRECTORY --to traces` writes them")
    return {name: _missing(folder, name) or _read_header(folder / f"{name}.json") for name in sorted(names)}


def _missing(folder: Path, name: str) -> StoreError | None:
    paths = [folder / f"{name}{suffix}" for suffix in (".json", ".parquet")]
    gone = [str(path) for path in paths if not path.exists()]
    return StoreError(f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} missing") if gone else None


def _read_header(path: Path) -> Trace | StoreError:
    try:
        header = parse_json(path)
        required = {"run": _is_text, "algorithm": _is_text, "environment": _is_text, "register": _is_texts}
        check_object(header, "it", {**required, "spec": _is_object, "episodes": _is_count, "actions": _is_object})
        run = parse_run(header["spec"], header["algorithm"])
        if run.name != header["run"] or path.stem != run.name:
            raise ShapeError("it belongs to another run")
        form = _form(header["actions"])
    except (OSError, ValueError) as error:
        return StoreError(f"{path} is not the header of a trace: {why_unreadable(error)}")
    label = header["environment"] if header["environment"] != run.task.env_id else ""
    task = dataclasses.replace(run.task, label=label, register=tuple(header["register"]))
    return Trace(dataclasses.replace(run, task=task), path.with_suffix(".parquet"), form, header["episodes"])


def _form(actions: Mapping[str, Any]) -> ActionForm:
    """Return the form of actions that a header gives. Raises: ShapeError if it is not valid."""
    check_object(actions, "'actions'", {"dtype": lambda value: value in STORED, "shape": _is_shape})
    form = ActionForm(actions["dtype"], tuple(actions["shape"]))
    if form.size > _MOST_NUMBERS:
        raise ShapeError("an action has too many numbers")
    return form


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 31


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) < 5 and all(map(_is_count, value))
