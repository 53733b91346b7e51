"""The errors that rlbench raises on purpose. Each message states what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class RlbenchError(Exception):
    """Base class of all deliberate errors. The command line prints no traceback for them and exits with `exit_code`."""

    exit_code = 2


class SuiteError(RlbenchError):
    """A suite file, or a combination of its parts, is invalid."""


class PluginError(RlbenchError):
    """A plugin is missing, broken or ambiguous, or it refuses its configuration."""


class BrokenPlugin(PluginError):
    """An installed plugin cannot be used.

    The plugin cannot be imported, conflicts with another plugin, or needs a different rlbench version. A suite that
    uses it still trains its other runs.
    """


class ConfigError(PluginError):
    """An algorithm refuses its parameters.

    problems: pairs of a parameter's name and what is wrong with it. The name is "" if the problem concerns the
    parameters as a whole.
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
    """The disk is broken or full, or a file would exceed a quota or size limit. Runs that had finished are safe."""

    exit_code = 74


class LockedError(StoreError):
    """Another harness holds the result folder."""

    exit_code = 75


class BudgetExceeded(RlbenchError):
    """An environment step was requested after the budget was spent. `train` may end normally with this error."""


class Overrun(BaseException):
    """An algorithm keeps requesting steps after its budget is spent.

    This class is not a subclass of Exception, so that a loop with `except Exception` cannot catch it.
    """


class Stopped(RlbenchError):
    """The harness stopped the group because of a signal or a limit. The state is saved if a checkpoint was possible."""


class Diverged(RlbenchError):
    """The only seed of a group met a number that is not finite.

    The harness raises this error to end a loop that it does not own.
    """


class EnvironmentFault(RlbenchError):
    """An environment raised an error, or returned an invalid observation, reward or flag.

    The message describes the fault. Only the seed that the environment belongs to fails.
    """


class WorkerFailed(RlbenchError):
    """A worker process that stepped a run's environments has ended with an error. The run ends too."""
