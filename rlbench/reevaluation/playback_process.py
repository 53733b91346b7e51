"""Requests to a child process that plays policies, and its answers: the code of both processes.

The answer is a file, so that output of a plugin cannot corrupt it.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlbench.api import DiskFull, Diverged, PluginError, RlbenchError, StoreError
from rlbench.executors.worker_process import worker_environment
from rlbench.messages import error_text, shortened
from rlbench.process_control import allow_local_imports, die_with_parent, forbid_local_imports, module_command
from rlbench.results.file_io import read_json

# A subclass must come before its base class.
_ERRORS = {error.__name__: error for error in (DiskFull, StoreError, PluginError, Diverged, RlbenchError)}


def play_in_child(module: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Play in a child process, started as `python -m MODULE QUESTION.json ANSWER.json PARENT_PID`.

    request: JSON values. Its entry policy_file names the policy in errors. mkl: the mode of Intel MKL in training, or
    None. variables (optional): further environment variables of the child. what (optional): a participle for the
    child's work, for errors; "played" by default.

    Returns: the child's answer. Raises: the error in the answer; PluginError if there is no answer.
    """
    with tempfile.TemporaryDirectory(prefix="rlbench-") as folder:
        question_path, answer_path, log = (Path(folder, name) for name in ("question.json", "answer.json", "log"))
        question_path.write_text(json.dumps(request), "utf-8")
        command = module_command(module, str(question_path), str(answer_path), str(os.getpid()))
        environment = worker_environment()
        if request["mkl"] is not None:  # the mode of training, not the mode of this process
            environment["MKL_CBWR"] = request["mkl"]
        environment |= request.get("variables", {})
        with open(log, "wb") as out:  # the output of plugins must not mix with that of this command
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment).returncode
        answer = read_json(answer_path)
        if answer is None:
            lines = log.read_text("utf-8", errors="replace").strip().splitlines()[-1:] or ["it printed nothing"]
            did = request.get("what", "played")
            raise PluginError(f"the process that {did} {request['policy_file']} exited with code {code}: {lines[0]}")
    if "error" in answer:
        raise _ERRORS[answer["kind"]](answer["error"])
    return answer


def answer_request(
    play: Callable[[Mapping[str, Any]], dict[str, Any]], question: str, answer: str, parent: str
) -> None:
    """Answer a request, in the child process: call `play`, and write its return value or its error to a file."""
    die_with_parent(int(parent))
    gc.disable()  # see rlbench.executors.worker_main
    request = json.loads(Path(question).read_text("utf-8"))
    if request["trusted"] or request["allowed"] or request["plugin_files"]:
        allow_local_imports()
    else:
        forbid_local_imports()
    try:
        result = play(request)
    except RlbenchError as error:
        kind = next(name for name, one in _ERRORS.items() if isinstance(error, one))
        result = {"kind": kind, "error": shortened(str(error))}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{error_text(error)} ({Path(frame.filename).name}:{frame.lineno})"
        what = request.get("what", "played")
        result = {"kind": "PluginError", "error": f"{request['policy_file']} cannot be {what}: {text}"}
    Path(answer).write_text(json.dumps(result), "utf-8")
