"""An algorithm put to the rules in processes of its own, as it would be run: what one does to its process harms no other rule."""

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
from rlbench.executors.time_limits import AwakeClock, duration
from rlbench.executors.worker_process import worker_environment
from rlbench.plugins import Plugins, resolve
from rlbench.process_control import module_command, signal_group

# The rules in the order they are tried, and what each says.
RULES = {
    "configuration": "Config is a frozen dataclass; every field has a default in its range, and a meaning",
    "spaces": "it trains on the action spaces it claims",
    "budget": "it takes exactly as many environment steps as it was given",
    "repeatable": "the same seed gives the same numbers, bit for bit, another seed others",
    "evaluation": "being evaluated changes nothing that is learned",
    "acting": '`act` gives actions of the right shape and draws from the stream "evaluate" alone',
    "published": "what takes `final_state` back plays as the trained one does",
    "stack-mates": "a run does not depend on the seeds that are trained with it, bit for bit",
    "resume": "an interrupted run ends with the numbers of one that was not",
    "not-finite": "a NaN ends its own seed as diverged and leaves the others their bits",
    "nothing-left": "no thread and no process is left behind",
    "learns": "it learns a bandit, or the best of two actions in uneven bounds",
    "truncation": "an episode that is cut off is not taken for one that ends",
    "resets": "an episode's first action answers its first observation",
}
LOOK_SECONDS = 0.5
LAST_BYTES = 2_000  # of what a process printed, in which its last line is looked for


@dataclass(frozen=True)
class Found:
    """The verdict on one rule: passed, failed, not claimed, raised (an error in it), died (its process) or timeout."""

    rule: str
    verdict: str
    seen: str
    seconds: float

    @property
    def kept(self) -> bool:
        return self.verdict in ("passed", "not claimed")


@dataclass(frozen=True)
class Trial:
    """Environment steps of short runs and of those that learn; the seconds that a rule has; files that offer plugins."""

    steps: int = 2_000
    learn_steps: int = 5_000
    timeout: float = 600.0
    plugin_files: tuple[str, ...] = ()


def put_to_rules(
    plugins: Plugins, algorithm: str, params: Mapping[str, Any], rules: Sequence[str], how: Trial
) -> Iterator[Found]:
    """Try these rules one after another. Another process goes on where one has ended.

    Raises before anything is played: what `resolve` gives for an algorithm that is not there, or cannot be configured so;
    PluginError if a package that it needs is missing.
    """
    (found,) = resolve(plugins, [(algorithm, params)])
    if isinstance(found, Exception):
        raise found
    if found.missing:
        raise PluginError(f'{algorithm} needs {", ".join(found.missing)}: pip install "rlbench[{found.extra}]"')
    question = {"name": found.name, "params": dict(params), **asdict(how)}
    left = list(rules)
    while left:
        with tempfile.TemporaryFile() as log:
            for answer in _in_one_process({**question, "rules": left}, how.timeout, log):
                left.remove(answer.rule)
                yield answer


def _in_one_process(question: Mapping[str, Any], timeout: float, log: Any) -> Iterator[Found]:
    reader, writer = os.pipe()
    command = module_command("rlbench.testing.rule_worker", json.dumps(question), str(writer), str(os.getpid()))
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
    rule, clock = question["rules"][0], AwakeClock()
    began, text = 0.0, b""
    try:
        while process.poll() is None or select.select([reader], [], [], 0)[0]:
            if select.select([reader], [], [], LOOK_SECONDS)[0]:
                read = os.read(reader, 1 << 16)
                *lines, text = (text + read).split(b"\n")
                for line in lines:
                    told = _answer(line)
                    if told is None:
                        continue
                    if told["verdict"] == "began":
                        rule, began = told["rule"], clock.tick()
                        continue
                    yield Found(**told)
                    rule = ""
                if not read:  # it has closed its end, as it does at its own
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(max(timeout - (clock.tick() - began), LOOK_SECONDS))
                    break
            if clock.tick() - began > timeout:
                yield Found(rule, "timeout", f"not done after {duration(timeout)}", timeout)
                return
        if rule and process.poll() is None:
            yield Found(rule, "timeout", f"not done after {duration(timeout)}", timeout)
        elif rule:  # not answered, whatever code it ended with
            yield Found(
                rule, "died", f"the process ended {_how(process.returncode)}{_last_line(log)}", clock.tick() - began
            )
    finally:
        signal_group(process.pid, signal.SIGKILL)  # and what it has started
        process.wait()
        os.close(reader)


def _answer(line: bytes) -> dict[str, Any] | None:
    """A rule's beginning or verdict; None for what an algorithm has written in between."""
    try:
        told = json.loads(line)
        if told["verdict"] == "began":
            return told if told["rule"] in RULES else None
        Found(**told)
    except (ValueError, TypeError, KeyError):
        return None
    return told if isinstance(told["verdict"], str) and told["rule"] in RULES else None


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"


def _last_line(log: Any) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_BYTES))
    said = log.read().decode(errors="replace").strip().splitlines()
    return f": {said[-1]}" if said else ""
