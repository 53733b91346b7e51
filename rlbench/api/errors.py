"""The errors that rlbench raises on purpose. Each message states what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class RlbenchError(Exception):
    """Base class of all deliberate errors. The command line prints no traceback for them and exits with `exit_code`."""

    exit_code = 2


class SuiteError(RlbenchError):
    """A suite file, or a combination of its parts, is invalid."""


class PluginError(RlbenchError):
    """A plugin is missing, broken or ambiguous, or it does not accept its configuration."""


class BrokenPlugin(PluginError):
    """An installed plugin cannot be used.

    It cannot be imported, conflicts with another plugin, or needs a different rlbench version. A suite that names it
    still runs the rest.
    """


class ConfigError(PluginError):
    """An algorithm does not accept its parameters.

    problems: pairs of a parameter's name, or "" for the parameters as a whole, and what is wrong with it.
    """

    def __init__(self, where: str, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            "\n".join(f"{where}.{name}: {text}" if name else f"{where}: {text}" for name, text in problems)
        )
        self.problems = tuple((name, text) for name, text in problems)


class StoreError(RlbenchError):
    """A result folder cannot be read or written."""

    exit_code = 73


class AnchorsError(RlbenchError):
    """Anchors, or a file of anchors, are invalid."""


class NothingToCompare(RlbenchError):
    """The request selects no results that can be compared."""

    exit_code = 4


class DiskFull(StoreError):
    """The disk is full, over a quota or a limit on file sizes, or it fails. Runs that were finished before are safe."""

    exit_code = 74


class LockedError(StoreError):
    """Another harness holds the result folder."""

    exit_code = 75


class BudgetExceeded(RlbenchError):
    """An environment step was requested after the budget was spent. `train` may end normally with this error."""


class Overrun(BaseException):
    """An algorithm keeps requesting steps after its budget is spent.

    It is not an Exception, so that it also leaves a loop that catches every Exception.
    """


class Stopped(RlbenchError):
    """The harness stopped the group because of a signal or a limit. The state is saved if a checkpoint was possible."""


class Diverged(RlbenchError):
    """The only seed of a group met a number that is not finite.

    It is raised to leave a loop that the harness does not own.
    """


class EnvironmentFault(RlbenchError):
    """An environment raised an error, or returned something that is not a valid observation, reward or flag.

    The message describes the fault. Only the environment's own seed fails.
    """


class WorkerFailed(RlbenchError):
    """A worker process that stepped environments of a run ended with an error. The run ends too."""
