"""Whether a device is there, asked of a child process: the harness itself imports no torch."""

from __future__ import annotations

import json
import subprocess
import sys

from rlbench.api import SuiteError

TIME_LIMIT_SECONDS = 120
_QUESTION = (
    "import json, torch; "
    "print(json.dumps({'cuda': torch.cuda.device_count() if torch.cuda.is_available() else 0, 'mps': int(torch.backends.mps.is_available())}))"
)


def counts() -> dict[str, int]:
    """How many devices of each kind torch finds. Raises: SuiteError if it cannot be asked."""
    asked = subprocess.run(
        [sys.executable, "-c", _QUESTION], capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS
    )
    try:
        return dict(json.loads(asked.stdout))
    except ValueError as error:
        raise SuiteError(f"torch could not be asked for its devices: {asked.stderr.strip()[-300:]}") from error


def absent(device: str) -> str:
    """Why `device` ("cpu", "mps", "cuda" or "cuda:i") cannot be used here, or "" if it can."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return ""
    count = counts()[kind]
    if count == 0:
        return f"device {device} is not there: torch finds no {kind} device; device: cpu always works"
    if int(index or 0) >= count:
        return f"device {device} is not there: torch finds {count}, cuda:0 to cuda:{count - 1}"
    return ""
