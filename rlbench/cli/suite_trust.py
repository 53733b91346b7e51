"""The options --suite and --allow: which modules may be imported to play a run of a result folder again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rlbench.api import Run

suite_option = click.option(
    "--suite",
    metavar="SUITE",
    help="Suite file that the runs come from. The environment modules that it names may then be imported.",
)
allow_option = click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="MODULE",
    help="Module that may be imported to create environments or wrappers; may be repeated.",
)


def has_environment(suite: str, run: Run) -> bool:
    """Check that a suite has the run's environment, with the same arguments, wrappers and registered environments.

    Returns: True. Raises: SuiteError if the suite does not have it.
    """
    from rlbench.api import SuiteError, canonical
    from rlbench.cli.common_options import open_suite
    from rlbench.suites.compatibility import own_wrappers

    task, trusted = run.task, open_suite(suite).suite
    used = [[t.env_id, t.kwargs, t.reset_options, _named(own_wrappers(t))] for t in task.training_tasks]
    requested = canonical([used, task.register])
    for entry in trusted.environments:
        if entry is not None and entry.id == task.env_id:
            entries: list[Any] = [*(() if entry.curriculum is None else entry.curriculum.entries), entry]
            own = [[e.id, e.kwargs, e.reset_options, _named(e.wrappers)] for e in entries]
            if canonical([own, trusted.registrations]) == requested:
                return True
    raise SuiteError(f"{suite} does not contain {task.env_id!r} with the arguments and wrappers of {run.name}")


def has_run(suite: str, run: Run) -> bool:
    """Check that a suite has the run's environment, and each hyperparameter of the run that may name code or a file.

    Returns: True. Raises: SuiteError if the suite does not have them.
    """
    from rlbench.api import SuiteError
    from rlbench.cli.common_options import open_suite
    from rlbench.reevaluation.trust import suspicious_texts

    entries = [entry for entry in open_suite(suite).suite.algorithms if entry is not None and entry.id == run.algorithm]
    listed = {
        text
        for entry in entries
        for params in (entry.params, entry.per_environment, entry.sweep)
        for text in suspicious_texts(params)
    }
    for text in suspicious_texts(run.config):
        if text not in listed:
            raise SuiteError(
                f"{run.name} was trained with the hyperparameter {text[:80]!r}, which {suite} does not give"
                f" {run.algorithm!r}"
            )
    return has_environment(suite, run)


def _named(wrappers: Sequence[Any]) -> list[list[Any]]:
    return [[wrapper.name, wrapper.kwargs] for wrapper in wrappers]
