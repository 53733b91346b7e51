"""Which devices are there, asked of a child process: the harness itself imports no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from rlbench.api import SuiteError

TIME_LIMIT_SECONDS = 120
_QUESTION = (
    "import json, torch; "
    "print(json.dumps({'cuda': torch.cuda.device_count() if torch.cuda.is_available() else 0, "
    "'mps': int(torch.backends.mps.is_available())}))"
)


def counts() -> dict[str, int]:
    """How many devices of each kind torch finds. Raises: SuiteError if it cannot be asked."""
    asked = subprocess.run(
        [sys.executable, "-P", "-c", _QUESTION], capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS
    )
    try:
        return dict(json.loads(asked.stdout))
    except ValueError as error:
        raise SuiteError(f"torch could not be asked for its devices: {asked.stderr.strip()[-300:]}") from error


def choose(wanted: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The devices that groups are dealt over, and what is wrong with those that are not there.

    wanted: "cpu", "mps", "cuda" (the first), "cuda:i", or "auto": every CUDA device, and cpu where there is none
    (Apple's mps has to be named: small networks are slower on it).
    """
    if set(wanted) == {"cpu"}:
        return ("cpu",), []
    there = counts()
    chosen: list[str] = []
    problems = []
    for device in wanted:
        if device == "auto":
            chosen += [f"cuda:{i}" for i in range(there["cuda"])] or ["cpu"]
            continue
        problem = _absent(device, there)
        problems += [problem] if problem else []
        chosen.append("cuda:0" if device == "cuda" else device)
    return tuple(dict.fromkeys(chosen)), problems


def _absent(device: str, there: dict[str, int]) -> str:
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return ""
    if there[kind] == 0:
        return f"device {device} is not there: torch finds no {kind} device; devices: cpu always works"
    if int(index or 0) >= there[kind]:
        return f"device {device} is not there: torch finds {there[kind]}, cuda:0 to cuda:{there[kind] - 1}"
    return ""
