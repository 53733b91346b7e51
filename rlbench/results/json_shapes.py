"""What stands in a result folder's JSON files, with its shape checked: one of another shape is one run's trouble alone.

A folder may come from anywhere, so names in it are names of entries of the folder and never paths.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from rlbench.api import Run, RunStatus, task_from_dict

Document = Mapping[str, Any]
OUTCOMES = (RunStatus.DONE, RunStatus.DIVERGED)  # what result.json may say
_FIELDS = [f.name for f in dataclasses.fields(Run) if f.name != "label"]
_LONGEST_NAME = 255  # bytes that file systems take
_MKL = re.compile("[A-Z0-9_,]*")


class Misshapen(ValueError):
    """A document of another shape than rlbench writes; says which part."""


def is_name(value: Any) -> bool:
    """Whether this can be an entry of a folder: no path that leads on or out."""
    if not isinstance(value, str) or value in ("", ".", "..") or any(c in value for c in "/\\\0"):
        return False
    return len(value.encode("utf-8", "replace")) <= _LONGEST_NAME


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _or_none(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or kind(value)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_text, _object, _flag = _is(str), _is(dict), _is(bool)


def need(found: Any, where: str, must: Mapping[str, Callable[[Any], bool]], may: Document | None = None) -> Document:
    """The document, seen to have every part of `must`, and those of `may` that it has, as they say. Raises: Misshapen."""
    if not isinstance(found, dict):
        raise Misshapen(f"{where} is no object")
    for name, fits in must.items():
        if name not in found:
            raise Misshapen(f"{where} has no {name!r}")
        if not fits(found[name]):
            raise Misshapen(f"{name!r} in {where} is {_shown(found[name])}")
    for name, fits in (may or {}).items():
        if name in found and not fits(found[name]):
            raise Misshapen(f"{name!r} in {where} is {_shown(found[name])}")
    return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _is_import(value: Any) -> bool:
    """Whether it can be what an import notes of a run; the tables show its training return."""
    return _object(value) and ("training_return" not in value or _number(value["training_return"]))


def _is_mkl(value: Any) -> bool:
    """Whether it can be a mode of Intel's library; it is put into the environment of a process."""
    return isinstance(value, str) and _MKL.fullmatch(value) is not None


# -- suite.json --------------------------------------------------------------------------------------------------
def check_suite(found: Any) -> Document:
    """Raises: Misshapen."""
    lists = {"runs": _is(list), "suite": _object}
    need(found, "it", lists, {"schema_version": _whole, "skipped": _is(list), "rlbench": _text, "adaptive": _flag})
    suite = need(found["suite"], "'suite'", {"name": _text}, {"algorithms": _is(list), "environments": _is(list)})
    for entry in suite.get("algorithms", ()):
        need(entry, "an algorithm", {"id": _text}, {"label": _or_none(_text)})
    for entry in suite.get("environments", ()):
        need(entry, "an environment", {"id": _text}, {"steps": _whole})
    folders = set[str]()
    for entry in found["runs"]:
        folder = need(entry, "a run", {"folder": is_name, "label": _text}, {"imported": _flag})["folder"]
        if folder in folders:
            raise Misshapen(f"it lists the run {_shown(folder)} twice")
        folders.add(folder)
    for entry in found.get("skipped", ()):
        need(entry, "a skipped pair", dict.fromkeys(("algorithm", "environment", "reason"), _text), {"status": _text})
    return found


_SPEC = dict.fromkeys(("key", "algorithm", "seed_space", "precision"), _text)
_SPEC |= {"config": _object, "task": _object, "seed": _whole}
_TASK = {
    "env_id": _text,
    "backend": _text,
    "steps": _whole,
    "kwargs": _object,
    "evaluation": _object,
    "wrappers": _is(list),
}
_PROTOCOL = {"every": _whole, "episodes": _whole, "final_episodes": _whole, "policy": _text}


# -- spec.json ---------------------------------------------------------------------------------------------------
def run_of(found: Any, label: str) -> Run:
    """The run that a spec.json asks for. Raises: Misshapen, also where its key is not that of what it says."""
    need(found, "it", _SPEC)
    task = need(found["task"], "'task'", _TASK)
    need(task["evaluation"], "'evaluation'", _PROTOCOL)
    for wrapper in task["wrappers"]:
        need(wrapper, "a wrapper", {"name": _text, "kwargs": _object})
    try:
        values = {**{name: found[name] for name in _FIELDS}, "task": task_from_dict(task), "label": label}
        run = Run(**values)
        key = run.key
    except (TypeError, KeyError, ValueError) as error:
        raise Misshapen(f"it asks for no run: {error}") from error
    if key != found["key"]:
        raise Misshapen("what it asks for is not what its key was made of")
    return run


# -- result.json -------------------------------------------------------------------------------------------------
_FACTS: Mapping[str, Callable[[Any], bool]] = {
    "message": _text,
    "diverged_at": _or_none(_whole),
    **dict.fromkeys(("resumed_from", "stack_size"), _whole),
    "wall_seconds": _or_none(_number),
    **dict.fromkeys(("group_wall_seconds", "steps_per_second", "cpu_seconds", "load_average"), _number),
    "group_peak_memory_bytes": _or_none(_number),
    "package_energy_joules": _or_none(_number),
    **dict.fromkeys(("code", "numerics", "versions", "hardware", "group_profile", "dependencies"), _object),
    "imported": _is_import,
    **dict.fromkeys(("metering", "resume", "environment_backend", "score_from"), _text),
    "git_commit": _or_none(_text),
    **dict.fromkeys(("reproducible", "resumable"), _flag),
}


_RESULT = {**dict.fromkeys(("key", "status"), _text), **dict.fromkeys(("steps", "schema_version"), _whole)}
_RESULT |= {"attempt": is_name, "files": _object}
_FILE = {"sha256": _text, "rows": _whole}


def check_result(found: Any, run: Run) -> Document:
    """Raises: Misshapen, also for a result of another run."""
    need(found, "it", _RESULT, _FACTS)
    if found["key"] != run.key:
        raise Misshapen("it is the result of another run")
    if found["status"] not in OUTCOMES:
        raise Misshapen(f"'status' in it is {_shown(found['status'])}")
    if not 0 <= found["steps"] <= run.task.steps:
        raise Misshapen(f"it has taken {found['steps']} of {run.task.steps} steps")
    for name, facts in found["files"].items():
        if not is_name(name):
            raise Misshapen(f"it names the file {_shown(name)}")
        need(facts, "a file's entry", _FILE)
    for name, entries in found.get("dependencies", {}).items():
        need(entries, f"'dependencies' {_shown(name)}", dict.fromkeys(entries, _text) if _object(entries) else {})
    if "numerics" in found:
        need(found["numerics"], "'numerics'", {}, {"mkl": _or_none(_is_mkl)})
    if "group_profile" in found:
        profile = need(found["group_profile"], "'group_profile'", {"from_step": _whole, "seconds": _object})
        need(profile["seconds"], "'group_profile'", dict.fromkeys(profile["seconds"], _number))
    return found


# -- an attempt's files ------------------------------------------------------------------------------------------
def check_attempt(found: Any) -> Document:
    """What a group.json says. Raises: Misshapen."""
    parts = {"order": _whole, "keys": _object, "group": _object, "plugin": _text, "restore": _object}
    need(found, "it", parts, {"profile": _flag})
    need(found["keys"], "'keys'", dict.fromkeys(found["keys"], _text))
    need(found["restore"], "'restore'", dict.fromkeys(found["restore"], _text))
    return found


def check_end(found: Any) -> Document:
    """What an exit.json, or a last word, says. Raises: Misshapen."""
    need(found, "it", {"status": lambda value: value in list(RunStatus)}, {"message": _text})
    return found


def check_event(found: Any) -> Document:
    """What a worker may report over its pipe. Raises: Misshapen."""
    kind = need(found, "it", {"event": _text})["event"]
    if kind == "progress":
        return need(found, "progress", {"step": _whole, "pulse": _whole})
    if kind == "evaluated":
        need(found, "an evaluation", {"kind": _text, "step": _whole, "returns": _is(list)})
        if not found["returns"] or not all(map(_number, found["returns"])):
            raise Misshapen("an evaluation has returns that are none")
        return found
    if kind == "notice":
        return need(found, "a notice", {"message": _text})
    if kind == "finished":
        return need(check_end(found), "a last word", {"message": _text}, {"disk_full": _flag})
    raise Misshapen(f"there is no event {_shown(kind)}")
