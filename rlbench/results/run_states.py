"""The state of a run, derived from its result.json and from the files of its newest attempt."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlbench.api import Run, RunStatus
from rlbench.messages import shortened
from rlbench.results.attempt_files import member_of
from rlbench.results.file_io import parse_json, read_json, why_unreadable
from rlbench.results.json_shapes import COMMON, ShapeError, check_exit, check_result

SCHEMA_VERSION = 1
Parts = dict[str, Any]  # parts of result.json files, by their JSON text


@dataclass(frozen=True)
class RunState:
    """The state of a run: its status, why it failed, and the contents of result.json once it is published."""

    status: RunStatus
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    attempt: str = ""


def published_state(path: Path, run: Run, known: Parts) -> RunState | None:
    """Return the state of a run that has a result.json; None if it has none.

    path: the path of result.json. known: large parts of results that were read before. Equal parts of this result are
    replaced by them, and its other large parts are added.
    """
    try:
        result = dict(check_result(parse_json(path), run))
        if result["schema_version"] != SCHEMA_VERSION:
            raise ShapeError(f"its schema version is {result['schema_version']}, not {SCHEMA_VERSION}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        message = f"{path} is not a result of this run ({why_unreadable(error)}); remove it to train again"
        return RunState(RunStatus.CORRUPT, message)
    for name in COMMON:
        if name in result:
            result[name] = known.setdefault(json.dumps(result[name]), result[name])
    return state_of_result(result)


def state_of_result(result: Mapping[str, Any]) -> RunState:
    """Return the state of a published run. result: its result.json, already checked."""
    message = shortened(result.get("message", ""))
    return RunState(RunStatus(result["status"]), message, result, result["attempt"])


def attempted_state(
    run: Run, newest: tuple[Path, Mapping[str, Any]] | None, is_open: Callable[[Path], bool]
) -> RunState:
    """Return the state of a run without a result.json.

    newest: the folder of the run's newest attempt and its group.json; None if it has no attempt. is_open: returns
    whether a process may still write to an attempt's folder.
    """
    if newest is None:
        return RunState(RunStatus.PENDING)
    attempt, description = newest
    try:
        exit_report = check_exit(parse_json(attempt / "exit.json"))
    except FileNotFoundError:
        has_started = (attempt / "made-by.json").exists()
        if is_open(attempt):
            return RunState(RunStatus.RUNNING if has_started else RunStatus.PENDING, attempt=attempt.name)
        ending = "its process exited without reporting a result"
        message = ending if has_started else "stopped before training started"
        return RunState(RunStatus.INTERRUPTED, message, attempt=attempt.name)
    except (OSError, ValueError) as error:
        message = f"its process left an exit.json that cannot be read ({why_unreadable(error)})"
        return RunState(RunStatus.INTERRUPTED, message, attempt=attempt.name)
    failed = exit_report.get("failed", {}).get(str(member_of(description, run.key)))
    if failed is not None:
        return RunState(RunStatus.FAILED, shortened(failed), attempt=attempt.name)
    status = RunStatus(exit_report["status"])
    # A run with such a status had a result.json, so somebody has removed it.
    if status in (RunStatus.DONE, RunStatus.DIVERGED):
        return RunState(RunStatus.INTERRUPTED, "its result has been removed", attempt=attempt.name)
    message = shortened(exit_report.get("message", ""))
    if status.is_failure and _has_settings(description):
        message = f"its stack of several settings {status.value}: {message}; it will be trained without the others"
        status = RunStatus.INTERRUPTED
    return RunState(status, message, attempt=attempt.name)


def failed_together(attempts: Path, name: str) -> bool:
    """Return whether an attempt trained several settings and failed, so that one of them may be to blame.

    attempts: the folder of all attempts. name: the attempt's name; "" if there is none (False).
    """
    end = read_json(attempts / name / "exit.json") if name else None
    is_failure = isinstance(end, dict) and end.get("status") in [s for s in RunStatus if s.is_failure]
    return is_failure and _has_settings(read_json(attempts / name / "group.json") or {})


def _has_settings(description: Mapping[str, Any]) -> bool:
    group = description.get("group")
    return isinstance(group, Mapping) and bool(group.get("variants"))
