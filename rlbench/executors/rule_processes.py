"""Checks of an algorithm against the rules, in processes with the settings of workers.

If a rule crashes its process, the other rules are checked in a new one.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from rlbench.api import PluginError
from rlbench.executors.time_limits import AwakeClock
from rlbench.executors.worker_process import worker_environment
from rlbench.plugins import Plugins, resolve
from rlbench.process_control import module_command, signal_group
from rlbench.text import duration

# What each rule requires, in the order of the checks.
RULES = {
    "configuration": "Config is a frozen dataclass; every field has a description and a default within its range",
    "spaces": "the algorithm trains on every action space that it claims to support",
    "budget": "a run takes exactly as many environment steps as its budget",
    "repeatable": "the same seed gives the same numbers, bit for bit, and another seed gives different ones",
    "evaluation": "evaluation changes nothing that is learned",
    "acting": '`act` returns actions of the right shape and draws only from the stream "evaluate"',
    "published": "a fresh instance that loads `final_state` plays like the trained one",
    "stack-mates": "a run has the same bits whichever seeds train with it",
    "settings": "seeds with different values of `per_seed` train as one stack, and each gets the same bits as alone",
    "resume": "an interrupted and resumed run ends with the numbers of an uninterrupted one",
    "not-finite": "a NaN from an environment ends only its own seed, as failed; the other seeds keep their bits",
    "nothing-left": "no thread and no process is left behind",
    "learns": "the algorithm learns a bandit, or the best action within uneven bounds in two dimensions",
    "truncation": "a truncated episode is not treated as a terminated one",
    "resets": "the first action of an episode responds to its first observation",
}
POLL_SECONDS = 0.5
LAST_BYTES = 2_000  # bytes at the end of the output that are searched for the last line


@dataclass(frozen=True)
class RuleResult:
    """The verdict on one rule: passed, failed, not claimed, raised, died or timeout.

    "raised": the check raised an exception. "died": its process ended. seen: what was observed. seconds: wall clock.
    """

    rule: str
    verdict: str
    seen: str
    seconds: float

    @property
    def passes(self) -> bool:
        """Whether the algorithm keeps the rule, or the rule does not apply to it."""
        return self.verdict in ("passed", "not claimed")


@dataclass(frozen=True)
class TrialConfig:
    """Settings of the checks.

    steps: environment steps of a short run. learn_steps: environment steps of a run that has to learn. timeout: seconds
    per rule. plugin_files: Python files that provide plugins.
    """

    steps: int = 2_000
    learn_steps: int = 5_000
    timeout: float = 600.0
    plugin_files: tuple[str, ...] = ()


def check_rules(
    plugins: Plugins, algorithm: str, params: Mapping[str, Any], rules: Sequence[str], trial: TrialConfig
) -> Iterator[RuleResult]:
    """Check the rules one after another. If the process ends, another process checks the remaining rules.

    Raises, before anything is trained: the exception of `resolve` for an unknown algorithm or invalid parameters;
    PluginError if a required package is missing.
    """
    (resolved,) = resolve(plugins, [(algorithm, params)])
    if isinstance(resolved, Exception):
        raise resolved
    if resolved.missing:
        raise PluginError(f'{algorithm} needs {", ".join(resolved.missing)}: pip install "rlbench[{resolved.extra}]"')
    request = {"name": resolved.name, "params": dict(params), **asdict(trial)}
    remaining = list(rules)
    while remaining:
        with tempfile.TemporaryFile() as log:
            for result in _check_in_one_process({**request, "rules": remaining}, trial.timeout, log):
                remaining.remove(result.rule)
                yield result


def _check_in_one_process(request: Mapping[str, Any], timeout: float, log: Any) -> Iterator[RuleResult]:
    reader, writer = os.pipe()
    command = module_command("rlbench.testing.rule_worker", json.dumps(request), str(writer), str(os.getpid()))
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=worker_environment(),
        pass_fds=(writer,),
        start_new_session=True,
    )
    os.close(writer)
    rule, clock = request["rules"][0], AwakeClock()
    began, text = 0.0, b""
    try:
        while process.poll() is None or select.select([reader], [], [], 0)[0]:
            if select.select([reader], [], [], POLL_SECONDS)[0]:
                chunk = os.read(reader, 1 << 16)
                *lines, text = (text + chunk).split(b"\n")
                for line in lines:
                    message = _parse(line)
                    if message is None:
                        continue
                    if message["verdict"] == "began":
                        rule, began = message["rule"], clock.tick()
                        continue
                    yield RuleResult(**message)
                    rule = ""
                if not chunk:  # the process has closed its end of the pipe, as it does on exit
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(timeout - (clock.tick() - began), POLL_SECONDS))
                    break
            if clock.tick() - began > timeout:
                yield RuleResult(rule, "timeout", f"not finished after {duration(timeout)}", timeout)
                return
        if rule and process.poll() is None:
            yield RuleResult(rule, "timeout", f"not finished after {duration(timeout)}", timeout)
        elif rule:  # the rule has no verdict, so the exit code does not matter
            yield RuleResult(
                rule, "died", f"the process ended {_how(process.returncode)}{_last_line(log)}", clock.tick() - began
            )
    finally:
        signal_group(process.pid, signal.SIGKILL)  # the process and its children
        process.wait()
        os.close(reader)


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the message of a rule's start or verdict; None for a line that the algorithm has written."""
    try:
        message = json.loads(line)
        if message["verdict"] == "began":
            return message if message["rule"] in RULES else None
        RuleResult(**message)
    except (ValueError, TypeError, KeyError):
        return None
    return message if isinstance(message["verdict"], str) and message["rule"] in RULES else None


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"


def _last_line(log: Any) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_BYTES))
    lines = log.read().decode(errors="replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""
