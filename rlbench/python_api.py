"""`rlbench.run`: the command `rlbench run` as a function, for notebooks and scripts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from rlbench.api import RunStatus, SuiteError
from rlbench.cli.common_options import open_plugins, result_folder
from rlbench.cli.progress.reporter import make_reporter
from rlbench.messages import explain
from rlbench.option_declarations import Kind, Use, declarations, names_used_for
from rlbench.reports.notebook_results import NotebookResults, load
from rlbench.results import Store
from rlbench.run_options import RunOptions
from rlbench.runner import run_suite
from rlbench.runner.adaptive_seeds import AdaptiveRunner
from rlbench.stats import Design
from rlbench.suites import LoadedSuite, Suite, find_suite, plan, read_suite, seconds

_SUITE_OPTIONS = names_used_for(RunOptions, Use.SUITE)
_TRAINING_OPTIONS = names_used_for(RunOptions, Use.TRAINING)
_DURATIONS = {option.name for option in declarations(RunOptions) if option.kind is Kind.DURATION}


def run(
    suite: str | os.PathLike[str] | Mapping[str, Any],
    output: str | os.PathLike[str] | None = None,
    *,
    plugins: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    settings: Mapping[str, Any] | None = None,
    quiet: bool = False,
    until_decided: bool | Mapping[str, Any] = False,
    **options: Any,
) -> NotebookResults:
    """Run a suite, or resume it, and return its results. Progress is printed on stderr.

    suite: a YAML file, the name of a built-in suite, or a suite as a mapping.
    output: the result folder, by default results/<suite name>. plugins: Python files that provide algorithms.
    settings: hyperparameters that override the file's, such as {"dqn.learning_rate": 1e-3}.
    quiet: print no progress.
    until_decided: add seeds until every pair of algorithms is decided: True, or a mapping with some of {"alpha": 0.05,
    "margin": 0.05, "statistic": "mean", "group_size": 5, "looks": 6}. The decisions are in `results.decisions()`.
    options: command-line options that override the suite or decide which runs are trained and how
    (rlbench.run_options), such as seeds=3, algorithms=["dqn*"], stop_after="8h".

    Returns: the results. They contain failed runs too, as rows with a status. Raises: RlbenchError (SuiteError,
    StoreError, …) with the message that the command line would print; KeyboardInterrupt after everything has stopped.
    """
    files = [plugins] if isinstance(plugins, (str, os.PathLike)) else plugins
    loaded_plugins = open_plugins([os.fspath(path) for path in files])
    changes = {name: options.pop(name) for name in _SUITE_OPTIONS if name in options}
    for name in _DURATIONS & options.keys():
        try:
            options[name] = seconds(options[name])
        except PydanticCustomError as error:
            raise SuiteError(f"{name}: {error.message()}") from error
    unknown = [name for name in options if name not in _TRAINING_OPTIONS]
    if unknown:
        known = [*_TRAINING_OPTIONS, *_SUITE_OPTIONS]
        raise SuiteError(f"rlbench.run has no option {unknown[0]!r}; it has {', '.join(known)}")
    loaded_suite: Suite | LoadedSuite
    if isinstance(suite, Mapping):
        loaded_suite = _from_mapping({**suite, **changes})
    else:
        loaded_suite = _from_file(suite, changes, settings or {})
    name = (loaded_suite.suite if isinstance(loaded_suite, LoadedSuite) else loaded_suite).name
    store = Store(result_folder(Path(output) if output is not None else None, name))
    run_options = RunOptions(**options)
    adaptive = None
    if until_decided:
        design = _design(until_decided, changes)
        adaptive = AdaptiveRunner(loaded_suite, loaded_plugins, store, run_options, design)
    planned = adaptive.plan_next()[0] if adaptive else plan(loaded_suite, loaded_plugins, **run_options.planning)
    reporter = make_reporter(quiet)
    for problem in loaded_plugins.load_observers(run_options.log):
        reporter.warn(problem)
    for skip in planned.skipped:
        (reporter.say if skip.status == RunStatus.SKIPPED else reporter.warn)(str(skip))
    if adaptive:
        adaptive.run(reporter)
    else:
        run_suite(planned, loaded_plugins, store, run_options, reporter)
    return load(store.root)


def _design(given: bool | Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the requested design of `until_decided`.

    Raises: SuiteError if the design has an unknown option, or if `changes` sets the seeds too.
    """
    design = dict(given) if isinstance(given, Mapping) else {}
    known = [f.name for f in dataclasses.fields(Design)]
    for name in design:
        if name not in known:
            raise SuiteError(f"until_decided has no option {name!r}; it has {', '.join(known)}")
    if "seeds" in changes:
        raise SuiteError("seeds contradicts until_decided, which chooses the number of seeds itself")
    return design


def _from_file(suite: str | os.PathLike[str], changes: Mapping[str, Any], settings: Mapping[str, Any]) -> LoadedSuite:
    return read_suite(find_suite(os.fspath(suite)), changes, [f"{name}={value}" for name, value in settings.items()])


def _from_mapping(suite: Mapping[str, Any]) -> Suite:
    try:
        return Suite.model_validate(suite)
    except ValidationError as error:
        messages = [f"error: {'.'.join(map(str, e['loc']))}: {explain(e)}" for e in error.errors()]
        raise SuiteError("\n".join(messages)) from error
