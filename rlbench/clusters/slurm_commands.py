"""Calls of Slurm's commands: they submit, list, cancel and requeue tasks.

`sacct` is not used, because many clusters have no accounting. The result folder records how each run ended.
"""

from __future__ import annotations

import getpass
import hashlib
import math
import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlbench.api import RlbenchError
from rlbench.process_control import module_command

LEAD_SECONDS = 90  # Slurm asks a task to save and stop this long before its time limit
EARLY_SECONDS = 60  # Slurm may send the signal up to this much earlier
_ANSWER_SECONDS = 60  # time limit of a command; the controller may be busy
_DEFAULT_ARRAY = 1001  # Slurm's own default of MaxArraySize


def job_name(root: Path) -> str:
    """Return the name that all Slurm jobs of a result folder have. They are found by it later."""
    return f"rlbench-{root.name}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}"


def script(root: Path, settings: Mapping[str, Any], tasks: int) -> str:
    """Return the batch script of an array of `tasks` tasks. Each task trains groups of the queue, one after another.

    settings: the values of the suite's key `slurm`.
    """
    limit = settings.get("time")
    options = {
        "job-name": job_name(root),
        "array": f"0-{tasks - 1}",
        "output": root / "queue" / "tasks" / "%A_%a.log",
        "open-mode": "append",
        "signal": f"B:TERM@{lead_seconds(limit)}",
        "partition": settings.get("partition"),
        "account": settings.get("account"),
        "time": None if limit is None else math.ceil(limit / 60),
        "cpus-per-task": settings.get("cpus", 1),
        "gres": f"gpu:{settings['gpus']}" if settings.get("gpus") else None,
        "mem": None if settings.get("mem") is None else f"{math.ceil(settings['mem'] / 2**20)}M",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in options.items() if value is not None]
    lines += ["#SBATCH --requeue", *(f"#SBATCH {option}" for option in settings.get("extra", ()))]
    arguments = [str(root), *([str(limit)] if limit is not None else [])]
    command = shlex.join(module_command("rlbench.clusters.pilot_main", *arguments))
    return "\n".join(["#!/bin/sh", *lines, f"exec {command}", ""])


def lead_seconds(limit: float | None) -> int:
    """Return how many seconds before its time limit a task is asked to stop: fewer if the limit is short."""
    return LEAD_SECONDS if limit is None else max(1, min(LEAD_SECONDS, int(limit / 4)))


def submit(text: str) -> str:
    """Submit a batch script. Returns: the number of its job. Raises: RlbenchError with what Slurm says."""
    answer = _call(["sbatch", "--parsable"], text)
    return answer.strip().partition(";")[0]


def live_tasks(name: str) -> dict[str, str]:
    """Return the state of each task that has not ended, and why it waits, by its number, such as "41_3".

    Examples of states: "RUNNING None", "PENDING Priority". Raises: RlbenchError.
    """
    user = getpass.getuser()
    answer = _call(["squeue", "--noheader", "--array", "--user", user, "--name", name, "--format=%i %T %r"])
    return dict(line.split(maxsplit=1) for line in answer.splitlines() if line.strip())


def largest_array() -> int:
    """Return the most tasks that an array of this cluster may have. Raises: RlbenchError."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _call(["scontrol", "show", "config"]), re.MULTILINE)
    return max(1, int(found[1]) if found else _DEFAULT_ARRAY)


def cancel(name: str) -> None:
    """Cancel all tasks with a name. Slurm asks running tasks to stop first. Raises: RlbenchError."""
    _call(["scancel", "--user", getpass.getuser(), "--name", name])


def is_running(job: str) -> bool:
    """Return whether Slurm reports a job as running. A job that is being cancelled is not. Raises: RlbenchError."""
    return _call(["squeue", "--noheader", "--jobs", job, "--format=%T"]).split() == ["RUNNING"]


def requeue(job: str) -> None:
    """End the running task with this number and put it back into Slurm's queue. Raises: RlbenchError."""
    _call(["scontrol", "requeue", job])


def _call(command: Sequence[str], text: str = "") -> str:
    """Run a command and return what it prints. Raises: RlbenchError with the reason if it fails."""
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_ANSWER_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError as error:
        raise RlbenchError(f"{command[0]} was not found; run this where Slurm's commands are installed") from error
    except subprocess.TimeoutExpired as error:
        raise RlbenchError(f"{command[0]} did not answer within {_ANSWER_SECONDS} s") from error
    if done.returncode:
        said = " ".join(done.stderr.replace(f"{command[0]}: error: ", "").split()) or f"exit code {done.returncode}"
        raise RlbenchError(f"{command[0]} failed: {said}")
    return done.stdout
