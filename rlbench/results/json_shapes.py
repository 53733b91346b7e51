"""Checks of the shape of a result folder's JSON files, so that a malformed file affects only its own run.

A folder may come from anywhere, so every file name in it must be a plain entry of the folder, never a path.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from rlbench.api import Run, RunStatus, task_from_dict
from rlbench.results.checksums import CHECKSUM, is_unchanged

Document = Mapping[str, Any]
# OWN: the parts of result.json that belong to one run. COMMON: large parts that many runs have in common; equal ones
# are kept in memory once. All other parts belong to a group of seeds.
OWN: tuple[str, ...] = ("schema_version", "key", "attempt", "status", "message", "steps", "diverged_at")
OWN += ("wall_seconds", "resumed_from", "files", CHECKSUM)
COMMON = ("code", "dependencies", "numerics", "versions", "hardware")
OUTCOMES = (RunStatus.DONE, RunStatus.DIVERGED)  # the statuses that result.json may contain
_FIELDS = [f.name for f in dataclasses.fields(Run) if f.name != "label"]
_LONGEST_NAME = 255  # in bytes; file systems accept no longer names
_MKL = re.compile("[A-Z0-9_,]*")
_MOST_SEEDS = 100_000  # most seeds of an algorithm on a task


class ShapeError(ValueError):
    """A document does not have the form that rlbench writes. The message says which part is wrong, and why."""


def is_name(value: Any) -> bool:
    """Return whether a value is a plain name of a file or folder, not a path that may lead elsewhere."""
    return isinstance(value, str) and _can_name(value)


@lru_cache(1024)  # the files of all runs have the same names
def _can_name(text: str) -> bool:
    if text in ("", ".", "..") or any(c in text for c in "/\\\0"):
        return False
    return len(text.encode("utf-8", "replace")) <= _LONGEST_NAME


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _optional(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or kind(value)


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def _instance_of(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_is_text, _is_object, _is_list, _is_flag = map(_instance_of, (str, dict, list, bool))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def check_object(
    document: Any, where: str, required: Mapping[str, Callable[[Any], bool]], optional: Document | None = None
) -> Document:
    """Check that a document is a JSON object whose parts are valid, and return it.

    where: the document's name in error messages. required: a check for each part that must be present; optional: a
    check for each part that may be absent. Raises: ShapeError.
    """
    if not isinstance(document, dict):
        raise ShapeError(f"{where} is not an object")
    for name, fits in required.items():
        if name not in document:
            raise ShapeError(f"{where} has no {name!r}")
        if not fits(document[name]):
            raise ShapeError(f"{name!r} in {where} is not valid: {_shorten(document[name])}")
    for name, fits in (optional or {}).items():
        if name in document and not fits(document[name]):
            raise ShapeError(f"{name!r} in {where} is not valid: {_shorten(document[name])}")
    return document


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _is_import(value: Any) -> bool:
    """Return whether a value can be the entry `imported` of a run. Tables show its training return and project."""
    return (
        _is_object(value)
        and _is_integer(value.get("rows", 0))
        and _is_number(value.get("training_return", 0))
        and _is_publication(value.get("published", {"by": ""}))
    )


def _is_publication(value: Any) -> bool:
    return _is_text_by_name(value) and "by" in value


def _is_text_by_name(value: Any) -> bool:
    return _is_object(value) and all(map(_is_text, value.values()))


def _is_order(value: Any) -> bool:
    """Return whether a value can be the `order` of an attempt and leaves higher numbers for later attempts."""
    return _is_integer(value) and value < 1 << 62


def _is_mkl(value: Any) -> bool:
    """Return whether a value can be a mode of Intel MKL, which is set in the environment of a process."""
    return isinstance(value, str) and _MKL.fullmatch(value) is not None


# -- suite.json --------------------------------------------------------------------------------------------------
def check_suite(document: Any) -> Document:
    """Check a suite.json and return it. Raises: ShapeError."""
    optional = {
        "schema_version": _is_integer,
        "skipped": _is_list,
        "rlbench": _is_text,
        "adaptive": _is_flag,
        CHECKSUM: _is_text,
    }
    suite_file = check_object(document, "it", {"runs": _is_list, "suite": _is_object}, optional)
    lists = {"algorithms": _is_list, "environments": _is_list, "register": _is_names}
    suite = check_object(suite_file["suite"], "'suite'", {"name": _is_text}, lists)
    for entry in suite.get("algorithms", ()):
        check_object(entry, "an algorithm", {"id": _is_text}, {"label": _optional(_is_text)})
        if entry.get("tuned") is not None:
            numbers = dict.fromkeys(("trials", "seeds", "steps"), _optional(_is_integer))
            check_object(entry["tuned"], "'tuned' of an algorithm", {}, {**numbers, "where": _is_text})
    for entry in suite.get("environments", ()):
        check_object(entry, "an environment", {"id": _is_text}, {"steps": _is_integer, "label": _is_text})
    folders = set[str]()
    for entry in suite_file["runs"]:
        parts = {"imported": _is_flag, "environment": _is_text}
        check_object(entry, "a run", {"folder": is_name, "label": _is_text}, parts)
        if entry["folder"] in folders:
            raise ShapeError(f"it lists the run {_shorten(entry['folder'])} twice")
        folders.add(entry["folder"])
    pair = dict.fromkeys(("algorithm", "environment", "reason"), _is_text)
    for entry in suite_file.get("skipped", ()):
        check_object(entry, "a skipped pair", pair, {"status": _is_text})
    _refuse_changed(suite_file)
    return suite_file


_SPEC = dict.fromkeys(("key", "algorithm", "seed_space", "precision"), _is_text)
_SPEC |= {"config": _is_object, "task": _is_object, "seed": _is_integer}
_TASK = {
    "env_id": _is_text,
    "backend": _is_text,
    "steps": _is_integer,
    "kwargs": _is_object,
    "evaluation": _is_object,
    "wrappers": _is_list,
}
_TASK_IF_GIVEN = {"reset_options": _is_object, "reward": _one_of("team", "individual"), "curriculum": _is_object}
_STAGE = {name: _TASK[name] for name in ("env_id", "kwargs", "wrappers")}
_STAGE_IF_GIVEN = {"reset_options": _is_object, "mean_return": _is_number}
_STAGE_IF_GIVEN |= dict.fromkeys(("steps", "episodes"), _is_integer)
_PROTOCOL = {"every": _is_integer, "episodes": _is_integer, "final_episodes": _is_integer, "policy": _is_text}
_PROTOCOL_IF_GIVEN = {"environments": _is_integer}


def _check_task(document: Any) -> Document:
    task = check_object(document, "'task'", _TASK, _TASK_IF_GIVEN)
    check_object(task["evaluation"], "'evaluation'", _PROTOCOL, _PROTOCOL_IF_GIVEN)
    curriculum = task.get("curriculum", {"stages": []})
    check_object(curriculum, "'curriculum'", {"stages": _is_list}, {"sampler": _is_text})
    for stage in curriculum["stages"]:
        check_object(stage, "a stage", _STAGE, _STAGE_IF_GIVEN)
    for one in (task, *curriculum["stages"]):
        for wrapper in one["wrappers"]:
            check_object(wrapper, "a wrapper", {"name": _is_text, "kwargs": _is_object})
    return task


# -- spec.json ---------------------------------------------------------------------------------------------------
def parse_run(document: Any, label: str) -> Run:
    """Return the run that a spec.json describes. Raises: ShapeError, also if the stored key is not that of the run."""
    check_object(document, "it", _SPEC)
    task = _check_task(document["task"])
    if unknown := sorted({"label", "register"} & set(task)):
        raise ShapeError(f"'task' in it should not have {unknown[0]!r}, which belongs in suite.json")
    try:
        values = {**{name: document[name] for name in _FIELDS}, "task": task_from_dict(task), "label": label}
        run = Run(**values)
        key = run.key
    except (TypeError, KeyError, ValueError) as error:
        raise ShapeError(f"it does not describe a run: {error}") from error
    if key != document["key"]:
        raise ShapeError("it was changed by hand or damaged: its contents no longer give the key stored in it")
    return run


# -- result.json -------------------------------------------------------------------------------------------------
_FACTS: Mapping[str, Callable[[Any], bool]] = {
    "message": _is_text,
    "diverged_at": _optional(_is_integer),
    **dict.fromkeys(("resumed_from", "stack_size"), _is_integer),
    "wall_seconds": _optional(_is_number),
    **dict.fromkeys(("group_wall_seconds", "steps_per_second", "cpu_seconds", "load_average"), _is_number),
    "group_peak_memory_bytes": _optional(_is_number),
    "package_energy_joules": _optional(_is_number),
    **dict.fromkeys(("code", "numerics", "versions", "hardware", "group_profile", "dependencies"), _is_object),
    "imported": _is_import,
    "environment_backend": _is_text,
    "metering": _one_of("boundary", "self-reported"),
    "resume": _one_of("exact", "approximate"),
    "score_from": _one_of("evaluation", "training"),
    "environment_repeats": _is_flag,
    **dict.fromkeys(("agents", "told"), _is_names),
    "git_commit": _optional(_is_text),
    **dict.fromkeys(("reproducible", "resumable"), _is_flag),
}


_FILE = {"sha256": _is_text, "rows": _is_integer}
_RESULT = {**dict.fromkeys(("key", "status"), _is_text), **dict.fromkeys(("steps", "schema_version"), _is_integer)}
_RESULT |= {"attempt": is_name, "files": _is_object}
_OWN = {**{name: fits for name, fits in _FACTS.items() if name in OWN}, CHECKSUM: _is_text}
_COMMON = {name: _FACTS[name] for name in COMMON}
_OF_GROUP = {name: fits for name, fits in _FACTS.items() if name not in (*OWN, *COMMON)}


def check_result(document: Any, run: Run) -> Document:
    """Check the result.json of a run and return it. Raises: ShapeError, also if it belongs to another run."""
    result = check_own_parts(document, run)
    check_group_parts(result)
    check_common_parts(result)
    _refuse_changed(result)
    return result


def check_own_parts(document: Any, run: Run) -> Document:
    """Check the parts of result.json that belong to this run alone, and return the document.

    The checksum is not compared. Raises: ShapeError, also if it is the result of another run.
    """
    result = check_object(document, "it", _RESULT, _OWN)
    if result["key"] != run.key:
        raise ShapeError("it is the result of another run")
    if result["status"] not in OUTCOMES:
        raise ShapeError(f"'status' in it should be {' or '.join(OUTCOMES)}, got {_shorten(result['status'])}")
    if not 0 <= result["steps"] <= run.task.steps:
        raise ShapeError(f"it records {result['steps']} steps, which is not from 0 to the budget of {run.task.steps}")
    for name, facts in result["files"].items():
        if not is_name(name):
            raise ShapeError(f"it lists the file {_shorten(name)}, which is a path or no file name")
        check_object(facts, "a file's entry", _FILE)
    return result


def check_group_parts(document: Any) -> Document:
    """Check the parts of result.json that the seeds of a group share, and return the document. Raises: ShapeError."""
    parts = check_object(document, "it", {}, _OF_GROUP)
    if "group_profile" in parts:
        expected = {"from_step": _is_integer, "seconds": _is_object}
        profile = check_object(parts["group_profile"], "'group_profile'", expected)
        check_object(profile["seconds"], "'group_profile'", dict.fromkeys(profile["seconds"], _is_number))
    return parts


def check_common_parts(document: Any) -> Document:
    """Check the parts of result.json that many groups share, and return the document. Raises: ShapeError."""
    parts = check_object(document, "it", {}, _COMMON)
    if unknown := sorted(set(parts.get("dependencies", ())) - {"files", "rlbench", "distributions"}):
        raise ShapeError(f"'dependencies' in it has an unknown part: {_shorten(unknown[0])}")
    for name, entries in parts.get("dependencies", {}).items():
        required = dict.fromkeys(entries, _is_text) if _is_object(entries) else {}
        check_object(entries, f"'dependencies' {_shorten(name)}", required)
    if "numerics" in parts:
        agreement = _one_of("bitwise", "tolerance")
        check_object(parts["numerics"], "'numerics'", {}, {"mkl": _optional(_is_mkl), "stack_independence": agreement})
    return parts


def _refuse_changed(document: Document) -> None:
    """Compare a document with its checksum. Raises: ShapeError.

    Do this after the other checks: their messages say which part is wrong.
    """
    if not is_unchanged(document):
        raise ShapeError("it was changed after it was written: its checksum differs")


# -- decisions.json ----------------------------------------------------------------------------------------------
def _is_measure(value: Any) -> bool:
    """Return whether a value is a number, or the text for a number that JSON does not have: NaN or infinity."""
    return _is_number(value) or value in ("nan", "inf", "-inf")


def _is_count(value: Any) -> bool:
    return _is_integer(value) and 0 < value <= _MOST_SEEDS


_DESIGN = {"alpha": _is_number, "margin": _optional(_is_number), "statistic": _is_text}
_DESIGN |= dict.fromkeys(("group_size", "looks"), _is_count)
_DECISIONS = {"design": _is_object, "anchors": _is_object, "looks": _is_list}
_DECISIONS |= {"scale": _one_of("normalised", "raw")}
_DECISIONS |= {"algorithms": lambda tasks: _is_object(tasks) and all(map(_is_text_by_name, tasks.values()))}
_LOOK = {"look": _is_integer, "at": _is_text, "readings": _is_list, "missing": _is_names, "left_out": _is_names}
_READING = dict.fromkeys(("ours", "theirs", "outcome", "winner"), _is_text) | {"look": _is_integer}
_READING |= {"difference": _is_measure, "boundary": _is_measure, "p_welch": _optional(_is_number)}
_READING |= {"within": _optional(lambda pair: _is_list(pair) and len(pair) == 2 and all(map(_is_measure, pair)))}


def check_decisions(document: Any) -> Document:
    """Check a decisions.json and return it. Raises: ShapeError."""
    decisions = check_object(document, "it", _DECISIONS)
    check_object(decisions["design"], "'design'", _DESIGN)
    for entry in decisions["anchors"].values():
        check_object(entry, "anchors", {"lower": _is_number, "upper": _is_number, "source": _is_text})
        if not entry["lower"] < entry["upper"]:
            raise ShapeError("a lower anchor in it is not below the upper one")
    tasks = {task for tasks in decisions["algorithms"].values() for task in tasks}
    if decisions["scale"] == "normalised" and not tasks <= set(decisions["anchors"]):
        raise ShapeError("its scores are normalised, but it has no anchors for one of its tasks")
    for number, look in enumerate(decisions["looks"], 1):
        check_object(look, "a look", _LOOK)
        for reading in look["readings"]:
            check_object(reading, "a reading", _READING)
            pair = {reading["ours"], reading["theirs"]}
            if not (pair <= set(decisions["algorithms"]) and reading["winner"] in {"", *pair}):
                raise ShapeError("a reading in it names an algorithm outside its list, or a winner outside its pair")
            if not reading["look"] == look["look"] == number:
                raise ShapeError("its looks are not numbered from 1")
    return decisions


# -- an attempt's files ------------------------------------------------------------------------------------------
_GROUP = {"algorithm": _is_text, "config": _is_object, "task": _is_object}
_GROUP |= {"seeds": lambda seeds: _is_list(seeds) and bool(seeds) and all(map(_is_integer, seeds))}
_GROUP_IF_GIVEN: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("label", "seed_space", "device", "resume"), _is_text),
    **dict.fromkeys(("compile", "environment_repeats"), _is_flag),
    **dict.fromkeys(("timeout", "stall_timeout"), _optional(_is_number)),
    "checkpoint_every": _is_integer,
    **dict.fromkeys(("data_files", "per_seed"), _is_names),
    "variants": lambda variants: _is_list(variants) and all(map(_is_variant, variants)),
}


def _is_variant(value: Any) -> bool:
    return _is_object(value) and _is_text(value.get("label")) and _is_object(value.get("values")) and len(value) == 2


def check_attempt(document: Any) -> Document:
    """Check a group.json and return it. Raises: ShapeError."""
    parts = {"order": _is_order, "keys": _is_object, "group": _is_object, "plugin": _is_text, "restore": _is_object}
    attempt = check_object(document, "it", parts, {"profile": _is_flag})
    check_object(attempt["keys"], "'keys'", dict.fromkeys(attempt["keys"], _is_text))
    check_object(attempt["restore"], "'restore'", dict.fromkeys(attempt["restore"], _is_text))
    check_object(attempt["group"], "'group'", _GROUP, _GROUP_IF_GIVEN)
    _check_task(attempt["group"]["task"])
    return attempt


def check_exit(document: Any) -> Document:
    """Check an exit.json, or a worker's exit report, and return it. Raises: ShapeError."""
    is_status = {"status": lambda value: value in list(RunStatus)}
    return check_object(document, "it", is_status, {"message": _is_text, "failed": _is_text_by_name})


def check_event(document: Any) -> Document:
    """Check an event that a worker reports over its pipe and return it. Raises: ShapeError."""
    kind = check_object(document, "it", {"event": _is_text})["event"]
    if kind == "progress":
        return check_object(document, "progress", {"step": _is_integer, "pulse": _is_integer})
    if kind == "evaluated":
        evaluation = check_object(
            document, "an evaluation", {"kind": _is_text, "step": _is_integer, "returns": _is_list}
        )
        if not evaluation["returns"] or not all(map(_is_number, evaluation["returns"])):
            raise ShapeError("an evaluation has no returns, or returns that are not numbers")
        return evaluation
    if kind == "notice":
        return check_object(document, "a notice", {"message": _is_text})
    if kind == "finished":
        return check_object(check_exit(document), "an exit report", {"message": _is_text}, {"disk_full": _is_flag})
    raise ShapeError(f"'event' in it should be a known kind of event, got {_shorten(kind)}")
