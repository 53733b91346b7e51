"""Checks of environments in child processes, several at a time, with a cache of the facts that they found.

An environment may print, hang, crash or end its process. The check then returns a message, after a time limit at most.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium

from rlbench.api import EnvironmentFault, EvaluationProtocol, PluginError, RlbenchError, Task, canonical, task_from_dict
from rlbench.env_checks.environment_check import EnvironmentFacts, check_environment
from rlbench.env_checks.space_descriptions import describe_space, space_from
from rlbench.messages import error_text, shortened
from rlbench.plugins import Plugins, load_plugins
from rlbench.plugins.subprocess_query import Children, begin_child, run_query
from rlbench.user_cache import cache_folder, recall, remember

TIME_LIMIT_SECONDS = 60.0
_GRACE_SECONDS = 60  # for the start of a child, before its environments are made
_CACHE_VERSION = 4
_FOREIGN = re.compile(r'"(?!gymnasium\.|rlbench\.)[\w.]+:[^"]+"')
Answer = EnvironmentFacts | str


def ask_environments(
    plugins: Plugins, tasks: Sequence[Task], seconds: float = TIME_LIMIT_SECONDS
) -> list[EnvironmentFacts | str]:
    """Return for each task the facts of its environment, or the reason why the environment cannot be used.

    Facts are cached until a module that the environment imports changes. seconds: the longest time for making,
    resetting and stepping one environment.
    """
    answers: dict[int, Answer] = {}
    unknown: list[int] = []
    for i, task in enumerate(tasks):
        if _is_registered_here_alone(task):
            answers[i] = _check_here(plugins, task)
        elif (cached := _cached(task, plugins)) is not None:
            answers[i] = cached
        else:
            unknown.append(i)
    workers, children = min(len(unknown), os.cpu_count() or 1), Children()
    shares = [unknown[k::workers] for k in range(workers)]
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        try:
            asked = pool.map(lambda share: _ask([tasks[i] for i in share], plugins, seconds, children), shares)
            for share, given in zip(shares, asked):
                answers |= dict(zip(share, given))
        except BaseException:  # Ctrl-C or SIGTERM; leaving the pool waits for its children
            children.end()
            raise
    return [_locally(plugins, task, answers[i]) for i, task in enumerate(tasks)]


def _is_registered_here_alone(task: Task) -> bool:
    """Return whether the id is known only in this process, as after `gymnasium.register(…, entry_point=MyEnv)`."""
    spec = gymnasium.registry.get(task.env_id)
    return spec is not None and callable(spec.entry_point)


def _locally(plugins: Plugins, task: Task, answer: Answer) -> Answer:
    """Return the answer of a child, but check an environment here if only this process has registered or loaded it."""
    if isinstance(answer, str) and answer.startswith(_UNKNOWN_THERE):
        if task.env_id in gymnasium.registry or task.backend != Task.backend:
            return _check_here(plugins, task)
        return answer.removeprefix(_UNKNOWN_THERE)
    return answer


_UNKNOWN_THERE = "not found: "


def _check_here(plugins: Plugins, task: Task) -> Answer:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for data
            return check_environment(task, plugins.backend(task.backend).make_env)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign environment may raise anything
        return _why_not(error).removeprefix(_UNKNOWN_THERE)


def _ask(tasks: Sequence[Task], plugins: Plugins, seconds: float, children: Children) -> list[Answer]:
    """Ask one child process about all tasks. If the child ends during a task, ask another child about the rest."""
    answers: list[Answer] = []
    while len(answers) < len(tasks):
        left = tasks[len(answers) :]
        entries, failure = _query(left, plugins, seconds, children)
        if len(entries) < len(left):
            entries.append({"fault": f"cannot be used: {failure}"})
        for position, (task, entry) in enumerate(zip(left, entries)):
            if "fault" in entry and position > 0:  # an earlier environment may be the cause: ask a new process
                break
            answer = _decode(entry)
            if isinstance(answer, EnvironmentFacts):
                remember(_cache_file(task, plugins), entry)
            answers.append(answer)
    return answers


def _query(
    tasks: Sequence[Task], plugins: Plugins, seconds: float, children: Children
) -> tuple[list[dict[str, Any]], str]:
    """Return a child's answers, one for each task that it has checked, and how the child ended, in words."""
    files = [str(plugin.file) for plugin in plugins.files]
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        question, answer = Path(folder, "question.json"), Path(folder, "answers.jsonl")
        entries = [json.loads(canonical(task)) for task in tasks]
        question.write_text(json.dumps({"files": files, "tasks": entries, "seconds": seconds}), "utf-8")
        answer.touch()
        limit = _GRACE_SECONDS + seconds * len(tasks)
        try:
            exit_ = run_query(__name__, [str(question), str(answer)], limit, {"OMP_NUM_THREADS": "1"}, children)
        except PermissionError as error:
            return [{"fault": f"{sys.executable} cannot be started: {error.strerror}"} for _ in tasks], ""
        return _read(answer), _ending(exit_.code, seconds)


def _read(answers: Path) -> list[dict[str, Any]]:
    """Return the answers that a child has written, before the first missing or incomplete answer."""
    entries: list[dict[str, Any]] = []
    for line in answers.read_text("utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            break
        if entry["task"] != len(entries):
            break
        entries.append(entry)
    return entries


def _ending(code: int | None, seconds: float) -> str:
    if code is None or code == -signal.SIGALRM:
        return f"took over {seconds:g} s to be made, reset and stepped"
    if code < 0:
        return f"killed by {signal.Signals(-code).name} while it was made, reset or stepped"
    return f"ended its process with code {code}"


def _decode(entry: Mapping[str, Any]) -> Answer:
    if "fault" in entry:
        return str(entry["fault"])
    spaces = space_from(entry["observation_space"]), space_from(entry["action_space"])
    others = {f.name: entry[f.name] for f in dataclasses.fields(EnvironmentFacts) if not f.name.endswith("_space")}
    return EnvironmentFacts(*spaces, **others)


# -- the cache ---------------------------------------------------------------------------------------------------
def _cache_file(task: Task, plugins: Plugins) -> Path:
    import rlbench

    without_budget = canonical(dataclasses.replace(task, label="", steps=0, evaluation=EvaluationProtocol()))
    # The folders of modules are part of the identity only if the task names a module, as in "module:MyEnv-v0".
    foreign = task.backend != Task.backend or _FOREIGN.search(without_budget)
    places = [sys.path, os.getcwd()] if foreign else [gymnasium.__file__]
    files = sorted(str(plugin.file) for plugin in plugins.files)  # a file may register the id as another environment
    identity = [_CACHE_VERSION, rlbench.__version__, sys.version, places, files, without_budget]
    return cache_folder("environments") / f"{hashlib.sha256(canonical(identity).encode()).hexdigest()[:32]}.json"


def _cached(task: Task, plugins: Plugins) -> EnvironmentFacts | None:
    entry = recall(_cache_file(task, plugins))
    if entry is None or not all(_stamp(path) == stamp for path, stamp in entry.get("modules", {}).items()):
        return None
    with contextlib.suppress(KeyError, TypeError, ValueError):
        answer = _decode(entry)
        return answer if isinstance(answer, EnvironmentFacts) else None
    return None


def _stamp(path: str) -> list[int]:
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size]


# -- in the child process ----------------------------------------------------------------------------------------
def _why_not(error: BaseException) -> str:
    if isinstance(error, EnvironmentFault):
        return shortened(str(error))
    unknown = isinstance(error, (gymnasium.error.UnregisteredEnv, PluginError))
    prefix = _UNKNOWN_THERE if unknown else ""
    if isinstance(error, RlbenchError):  # from a backend; the message says what to do
        return f"{prefix}{shortened(str(error))}"
    return f"{prefix}cannot be made: {error_text(error)}"


def _entry(task: Task, plugins: Plugins) -> dict[str, Any]:
    try:
        facts = check_environment(task, plugins.backend(task.backend).make_env)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign environment may raise anything
        return {"fault": _why_not(error)}
    described = {"observation_space": describe_space(facts.observation_space)}
    described["action_space"] = describe_space(facts.action_space)
    files = {str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
    kept = {path: stamp for path in sorted(files) if not _is_of_python(path) and (stamp := _stamp(path))}
    others = {f.name: getattr(facts, f.name) for f in dataclasses.fields(facts)}
    return {**others, **described, "modules": kept}


def _is_of_python(path: str) -> bool:
    return path.startswith(os.path.dirname(os.__file__)) and "site-packages" not in path


def _main(question: str, answer: str) -> None:
    query = json.loads(Path(question).read_text("utf-8"))
    plugins = load_plugins(query["files"])
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, also in code that never returns to Python
    process = os.getpid()
    with open(answer, "a", encoding="utf-8") as file:
        for position, values in enumerate(query["tasks"]):
            signal.setitimer(signal.ITIMER_REAL, query["seconds"])
            entry = _entry(task_from_dict(values), plugins)
            if os.getpid() != process:  # a copy that an environment has forked must not answer
                os._exit(1)
            signal.setitimer(signal.ITIMER_REAL, 0)
            file.write(json.dumps({"task": position, **entry}) + "\n")
            file.flush()


if __name__ == "__main__":
    gc.disable()  # see rlbench.plugins.resolution
    begin_child()
    try:
        _main(*sys.argv[1:])
    finally:
        os._exit(0)  # a thread that an environment has left running would keep the process alive
