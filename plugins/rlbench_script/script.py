"""A command line as an algorithm. Nothing is metered here: its rows say what the script says of itself, and are marked.

Its steps and episodes are read from what it prints (rlbench_script.lines); at the budget it is ended, and what it says
beyond is left out. It has no policy that could be evaluated, so its score is that of its own evaluations where it prints
some, else of its latest training episodes.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from string import Formatter

from rlbench import Algorithm, setting
from rlbench.api import Array, Interaction, RlbenchError
from rlbench.process_control import module_command, signal_group
from rlbench_script.lines import CLEANRL, read_line
from rlbench_script.printed import printed

NEEDED = ("env", "seed", "steps")
KNOWN = (*NEEDED, "python")
TUNING_SEEDS = 1 << 30  # of the tuning space, so that the same number is another seed there
ENOUGH = 0.9  # of the budget: what has no episode to report at its end has done the rest as well
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class ScriptConfig:
    command: str = setting(
        "",
        "words as in a shell, without its other arts; {env}, {seed} and {steps} stand for the environment's id, the seed and "
        "the budget, {python} for rlbench's own interpreter",
    )
    pattern: str = setting(
        CLEANRL, "regular expression of the lines to be read, with the groups step and return (and length) (CleanRL's)"
    )

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
            named = {name for word in words for _, name, _, _ in Formatter().parse(word) if name is not None}
        except ValueError as error:
            raise ValueError(f"command: {error}; braces that are meant as such are doubled") from error
        if not words:
            raise ValueError(
                "command: say what is to be run, such as python train.py --env-id {env} --seed {seed} --total-timesteps {steps}"
            )
        if unknown := sorted(named - {*KNOWN}):
            raise ValueError(f"command: there is no {{{unknown[0]}}}; there are {', '.join(f'{{{n}}}' for n in KNOWN)}")
        if absent := [name for name in NEEDED if name not in named]:
            raise ValueError(f"command: {{{absent[0]}}} is not in it, so all its runs would be the same whatever it is")
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error
        if not {"step", "return"} <= {*groups}:
            raise ValueError("pattern: it needs the groups (?P<step>…) and (?P<return>…)")


class Script(Algorithm):
    Config = ScriptConfig

    def train(self, interaction: Interaction) -> None:
        pattern, steps = re.compile(self.config.pattern), interaction.budget.steps
        with self._started(steps) as process:
            for text in printed(process):
                if text is None:
                    interaction.report(interaction.steps)  # where a stop is heard of
                    continue
                print(text, end="", flush=True)  # into the run's own log
                line = read_line(text, pattern)
                if line is None:
                    continue
                interaction.report(line.step, line.return_, line.length, line.evaluation)
                if line.metrics:
                    interaction.log(**line.metrics)
                if interaction.finished:
                    return
            code = process.wait()
        if code != 0 or interaction.steps < ENOUGH * steps:
            ended = f"ended with code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
            raise RlbenchError(
                f"the script {ended} after {interaction.steps} of {steps} environment steps by its own count"
            )
        interaction.report(steps)

    def act(self, obs: Array) -> Array:
        raise RlbenchError("a script's policy is its own: nobody else can play it")

    def words(self, steps: int) -> list[str]:
        """The command line for this run's seed."""
        seed = self.streams.seeds[0] + (TUNING_SEEDS if self.streams.space == "tuning" else 0)
        values = {"env": self.task.env_id, "seed": seed, "steps": steps, "python": sys.executable}
        return [word.format(**values) for word in shlex.split(self.config.command)]

    @contextmanager
    def _started(self, steps: int) -> Iterator[subprocess.Popen[bytes]]:
        """The script in a session of its own; whatever is left of it at the end is ended."""
        words = self.words(steps)
        print("$", shlex.join(words), flush=True)
        guarded = module_command("rlbench_script.guarded", str(os.getpid()), *words)
        process = subprocess.Popen(
            guarded,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            yield process
        finally:
            signal_group(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_SECONDS)
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close() if process.stdout else None
