"""The errors rlbench raises on purpose; each message says what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class RlbenchError(Exception):
    """Base of every deliberate error; the command line prints it without a traceback and exits with `exit_code`."""

    exit_code = 2


class SuiteError(RlbenchError):
    """A suite file, or a combination of its parts, is wrong."""


class PluginError(RlbenchError):
    """A plugin is absent, broken, ambiguous, or was given a configuration it does not accept."""


class BrokenPlugin(PluginError):
    """A plugin that is installed and cannot be used: it cannot be imported, clashes with another, or is of another time.

    A suite that names it runs all the rest.
    """


class ConfigError(PluginError):
    """Parameters that an algorithm does not accept; problems: pairs of a parameter's name ("" for all of them
    together) and what is wrong with it."""

    def __init__(self, where: str, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            "\n".join(f"{where}.{name}: {text}" if name else f"{where}: {text}" for name, text in problems)
        )
        self.problems = tuple((name, text) for name, text in problems)


class StoreError(RlbenchError):
    """A result folder cannot be read or written."""

    exit_code = 73


class AnchorsError(RlbenchError):
    """Anchors, or a file of them, are not as they must be."""


class NothingToCompare(RlbenchError):
    """What was asked for has no numbers to be held against each other."""

    exit_code = 4


class DiskFull(StoreError):
    """Nothing more can be written; what was published before is safe."""

    exit_code = 74


class LockedError(StoreError):
    """Another harness holds the result folder."""

    exit_code = 75


class BudgetExceeded(RlbenchError):
    """An environment step was asked for after the budget was spent. Leaving `train` by it is a normal end."""


class Overrun(BaseException):
    """An algorithm goes on asking for steps that it is refused: no Exception, so that a loop which catches those is left."""


class Stopped(RlbenchError):
    """The harness asked the group to stop (a signal, a limit); state is saved where a checkpoint was possible."""


class Diverged(RlbenchError):
    """The only seed of a group met a number that is not finite; raised to leave a loop that the harness does not own."""


class WorkerFailed(RlbenchError):
    """A process that stepped environments of a run ended with an error, which ends the run."""
