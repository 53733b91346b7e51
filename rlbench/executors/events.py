"""Events of executors as JSON objects: one line each on a worker's pipe and in `rlbench run --json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlbench.api import EndEvent, EvaluationEvent, Event, NoticeEvent, ProgressEvent, RunGroup, RunStatus, StartEvent
from rlbench.results.file_io import parse_json, write_json
from rlbench.results.json_shapes import check_event, check_exit


def event_as_dict(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object. Its entry "event" names the kind of event."""
    match event:
        case StartEvent():
            return {"event": "started"}
        case ProgressEvent(step, pulse):
            return {"event": "progress", "step": step, "pulse": pulse}
        case EvaluationEvent(kind, step, returns):
            return {"event": "evaluated", "kind": kind, "step": step, "returns": list(returns)}
        case NoticeEvent(message, once):
            return {"event": "notice", "message": message, **({"once": True} if once else {})}
        case EndEvent(status, message, disk_full):
            ending = {"event": "finished", "status": str(status), "message": message}
            return {**ending, **({"disk_full": True} if disk_full else {})}


def event_from_dict(document: Any) -> Event:
    """Return the event that a JSON object from a worker describes. Raises: ShapeError."""
    event = check_event(document)
    if event["event"] == "progress":
        return ProgressEvent(event["step"], event["pulse"])
    if event["event"] == "evaluated":
        return EvaluationEvent(event["kind"], event["step"], tuple(event["returns"]))
    if event["event"] == "notice":
        return NoticeEvent(event["message"], bool(event.get("once")))
    return EndEvent(RunStatus(event["status"]), event["message"], bool(event.get("disk_full")))


def of_each_setting(group: RunGroup, event: Event) -> list[tuple[RunGroup, Event]]:
    """Return a group for each setting that a group trains, with the event reduced to this setting's runs."""
    parts = group.of_each_setting()
    if not isinstance(event, EvaluationEvent):
        return [(own, event) for own, _ in parts]
    return [(own, replace(event, returns=tuple(event.returns[place] for place in places))) for own, places in parts]


def read_end(attempt: Path) -> EndEvent:
    """Return how an attempt's process ended, according to its exit.json."""
    try:
        report = check_exit(parse_json(attempt / "exit.json"))
    except (OSError, ValueError):
        return EndEvent(RunStatus.INTERRUPTED, "its process exited without reporting a result")
    return EndEvent(RunStatus(report["status"]), report.get("message", ""))


def failed_members(attempt: Path) -> dict[int, str]:
    """Return what failed in the environments of an attempt's group, by member, according to its exit.json."""
    try:
        report = check_exit(parse_json(attempt / "exit.json"))
        return {int(member): fault for member, fault in report.get("failed", {}).items()}
    except (OSError, ValueError):
        return {}


def write_exit(attempt: Path, end: EndEvent, failed: Mapping[int, str] | None = None) -> None:
    """Write how an attempt ended to its exit.json.

    failed: what failed in environments, by member of the group; None: as the exit.json says that this one replaces.
    Raises: DiskFull if the disk is full or broken; OSError for other reasons.
    """
    failed = failed_members(attempt) if failed is None else failed
    report = {"schema_version": 1, "status": end.status, "message": end.message}
    write_json(attempt / "exit.json", {**report, "failed": dict(failed)} if failed else report)
