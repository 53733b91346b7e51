"""Checks of what a suite names by reference: `register`, and `$import` and `$array` in arguments of environments.

Imports happen in a child process, because a foreign module may hang, print or end its process. It is started as

    python -m rlbench.suites.reference_check QUESTION.json ANSWER.json

A suite without references needs no child process.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlbench.api import RlbenchError, Task
from rlbench.envs.references import IMPORT, import_object, problem_of, references
from rlbench.envs.registrations import call_registrations
from rlbench.plugins.subprocess_query import begin_child, run_query
from rlbench.suites.curriculum_models import CurriculumTaskEntry
from rlbench.suites.environment_hints import install_hint
from rlbench.suites.source_location import Location, Problem
from rlbench.suites.suite_models import EnvironmentEntry, Suite

TIME_LIMIT_SECONDS = 120


def reference_problems(suite: Suite) -> list[Problem]:
    """Return every reference that cannot be read or imported, and registrations that fail, each at its place."""
    problems, named = [], dict[Location, str]()
    for i, name in enumerate(suite.registrations):
        named[("register", i)] = name
    for j, environment in enumerate(suite.environments):
        for key in ("reset_options", "curriculum"):
            if environment is not None and getattr(environment, key) and (text := _unsupported(environment, key)):
                problems.append(Problem(("environments", j, key), text, True))
    for at, environment, reference, is_whole in _references(suite):
        text = _is_all_arguments(at, is_whole) or problem_of(reference) or _unsupported(environment, "references")
        if text:
            problems.append(Problem(at, text, True))
        elif IMPORT in reference:
            named[(*at, IMPORT)] = reference[IMPORT]
    answers = _try(list(named.values()), len(suite.registrations)) if named else []
    return problems + [Problem(at, f"{text}{install_hint('', text)}") for at, text in zip(named, answers) if text]


def _references(suite: Suite) -> Iterator[tuple[Location, EnvironmentEntry, Mapping[str, Any], bool]]:
    """Yield each reference's place, its environment, the reference, and whether it replaces a mapping of arguments."""
    for j, environment in enumerate(suite.environments):
        if environment is not None:
            for at, arguments in _arguments(environment):
                whole = ("environments", j, *at)
                for place, reference in references(arguments, whole):
                    yield place, environment, reference, place == whole


def _arguments(environment: EnvironmentEntry | CurriculumTaskEntry) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    yield ("kwargs",), environment.kwargs
    yield ("reset_options",), environment.reset_options
    for k, wrapper in enumerate(environment.wrappers):
        yield ("wrappers", k, "kwargs"), wrapper.kwargs
    if isinstance(environment, EnvironmentEntry) and environment.curriculum is not None:
        for k, entry in enumerate(environment.curriculum.entries):
            for at, arguments in _arguments(entry):
                yield ("curriculum", environment.curriculum.key, k, *at), arguments


def _unsupported(environment: EnvironmentEntry, what: str) -> str:
    """Return a message if the environment's backend does not take `what`, which only Gymnasium takes, else ""."""
    if environment.backend == Task.backend:
        return ""
    return f"environments of the backend {environment.backend} take no {what}; leave `backend` out for Gymnasium's"


def _is_all_arguments(at: Location, whole: bool) -> str:
    return f"{at[-1]} is a mapping of names to values; only a value may be a reference" if whole else ""


def _try(names: Sequence[str], registrations: int) -> list[str]:
    """Return a problem or "" for each "module:name". registrations: how many of the first names are called as well."""
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        question, answer = Path(folder, "question.json"), Path(folder, "answer.json")
        question.write_text(json.dumps({"names": list(names), "registrations": registrations}), "utf-8")
        ended = run_query("rlbench.suites.reference_check", [str(question), str(answer)], TIME_LIMIT_SECONDS)
        try:
            answers: list[str] = json.loads(answer.read_text("utf-8"))
        except (OSError, ValueError):
            answers = []
    if len(answers) < len(names):
        how = f"took over {TIME_LIMIT_SECONDS} s" if ended.code is None else f"ended the process with code {ended.code}"
        answers.append(f"{names[len(answers)]} {how}: {ended.last_line or 'nothing was printed'}")
    return answers


# -- in the child process ----------------------------------------------------------------------------------------
def _main(question: str, answer: str) -> None:
    query = json.loads(Path(question).read_text("utf-8"))
    answers: list[str] = []
    for i, name in enumerate(query["names"]):
        try:
            if i < query["registrations"]:
                call_registrations([name])
            else:
                import_object(name)
            answers.append("")
        except RlbenchError as error:
            answers.append(str(error))
        Path(answer).write_text(json.dumps(answers), "utf-8")  # now, because the next name may end the process


if __name__ == "__main__":
    begin_child()
    _main(*sys.argv[1:])
