"""Available devices, queried in a child process because the harness itself does not import torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from rlbench.api import SuiteError

TIME_LIMIT_SECONDS = 120
_QUERY = (
    "import json, torch; "
    "print(json.dumps({'cuda': torch.cuda.device_count() if torch.cuda.is_available() else 0, "
    "'mps': int(torch.backends.mps.is_available())}))"
)
# A device whose memory is full counts as working.
_TRIAL = (
    "import sys, torch\ntry: torch.ones(1, device=sys.argv[1]).add_(1).cpu()\nexcept torch.OutOfMemoryError: pass\n"
)


def device_counts() -> dict[str, int]:
    """Return how many devices of each kind torch finds. Raises: SuiteError if the query fails."""
    answer, problem = _asked(_QUERY)
    try:
        return dict(json.loads(answer))
    except ValueError as error:
        raise SuiteError(f"torch did not report its devices: {problem or 'it printed something else'}") from error


def device_problem(device: str) -> str:
    """Return why a new process cannot compute on a device, in one line; "" if it can."""
    return _asked(_TRIAL, device)[1]


def _asked(code: str, *arguments: str) -> tuple[str, str]:
    """Run code in a child process. Returns: the output, and why the process failed, or "" if it succeeded."""
    command = [sys.executable, "-P", "-c", code, *arguments]
    try:
        child = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=TIME_LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {TIME_LIMIT_SECONDS} s; the driver may hang"
    last = child.stderr.strip().rpartition("\n")[2][-300:] or f"exit code {child.returncode}"
    return child.stdout, last if child.returncode else ""


def choose_devices(requested: Sequence[str], gpus_of_task: float | None = None) -> tuple[tuple[str, ...], list[str]]:
    """Return the devices that groups are distributed over, and a message for each device that is unavailable.

    requested: "cpu", "mps", "cuda" (the first), "cuda:i", or "auto": every CUDA device, or cpu if there is none
    (Apple's mps must be named, because small networks are slower on it). gpus_of_task: number of GPUs of a task on
    another machine, whose devices cannot be queried here; None if training is on this machine.
    """
    if gpus_of_task is not None:
        return _of_a_task(requested, gpus_of_task)
    if set(requested) == {"cpu"}:
        return ("cpu",), []
    available = device_counts()
    devices: list[str] = []
    problems = []
    for device in requested:
        if device == "auto":
            devices += [f"cuda:{i}" for i in range(available["cuda"])] or ["cpu"]
            continue
        problem = _unavailable(device, available)
        problems += [problem] if problem else []
        devices.append("cuda:0" if device == "cuda" else device)
    return tuple(dict.fromkeys(devices)), problems


def _of_a_task(requested: Sequence[str], gpus: float) -> tuple[tuple[str, ...], list[str]]:
    """Return the devices of tasks on other machines. Each task sees only its own GPUs, of which the first is cuda:0."""
    named = {"auto": "cuda:0" if gpus else "cpu", "cuda": "cuda:0"}
    problems = [
        f"device {device}: a task sees only its own GPUs; write cuda"
        for device in requested
        if device.startswith("cuda:") and device != "cuda:0"
    ]
    return tuple(dict.fromkeys(named.get(device, device) for device in requested)), problems


def _unavailable(device: str, available: dict[str, int]) -> str:
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return ""
    if available[kind] == 0:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") if kind == "cuda" else None
        reason = "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"
        return f"device {device} is not available: torch finds no {kind} device{reason}; `devices: cpu` always works"
    if int(index or 0) >= available[kind]:
        return f"device {device} is not available: torch finds {available[kind]}, cuda:0 to cuda:{available[kind] - 1}"
    return ""
