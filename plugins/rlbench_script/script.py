"""A command line as an algorithm. Nothing is metered: the script's results are self-reported, and marked as such.

The script's steps and episodes are parsed from its output (rlbench_script.lines). At the budget the script is stopped,
and later output is ignored. rlbench cannot evaluate the script's policy. So if the script prints its own evaluations,
they determine the score; otherwise its latest training episodes do.
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
TUNING_SEEDS = 1 << 30  # added to tuning seeds, so that a script never trains with the same seed in tuning and training
ENOUGH = 0.9  # share of the budget that counts as complete, because the last episode may not be reported
GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class ScriptConfig:
    command: str = setting(
        "",
        "words as in a shell, without pipes and the like; {env}, {seed} and {steps} are replaced by the environment's "
        "id, the seed and the budget, {python} by rlbench's own interpreter",
    )
    pattern: str = setting(
        CLEANRL,
        "regular expression for the lines to read, with the groups step and return (and length); default: CleanRL's",
    )

    def __post_init__(self) -> None:
        try:
            words = shlex.split(self.command)
            named = {name for word in words for _, name, _, _ in Formatter().parse(word) if name is not None}
        except ValueError as error:
            raise ValueError(f"command: {error}; double literal braces") from error
        if not words:
            raise ValueError(
                "command: give a command line, such as "
                "python train.py --env-id {env} --seed {seed} --total-timesteps {steps}"
            )
        if unknown := sorted(named - {*KNOWN}):
            raise ValueError(f"command: there is no {{{unknown[0]}}}; known: {', '.join(f'{{{n}}}' for n in KNOWN)}")
        if absent := [name for name in NEEDED if name not in named]:
            raise ValueError(f"command: {{{absent[0]}}} is missing, so runs would not depend on the {absent[0]}")
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
                    interaction.report(interaction.steps)  # raises if the run has been asked to stop
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
                f"the script {ended} after {interaction.steps} of {steps} environment steps (its own count)"
            )
        interaction.report(steps)

    def act(self, obs: Array) -> Array:
        raise RlbenchError("rlbench cannot play the policy of a script; its score is self-reported")

    def words(self, steps: int) -> list[str]:
        """Return the command line for this run's seed."""
        seed = self.streams.seeds[0] + (TUNING_SEEDS if self.streams.space == "tuning" else 0)
        values = {"env": self.task.env_id, "seed": seed, "steps": steps, "python": sys.executable}
        return [word.format(**values) for word in shlex.split(self.config.command)]

    @contextmanager
    def _started(self, steps: int) -> Iterator[subprocess.Popen[bytes]]:
        """Start the script in its own session. When the context ends, end all processes of the session."""
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
