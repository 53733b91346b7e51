"""`rlbench.run`: what the command `rlbench run` does, for notebooks and scripts."""

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
from rlbench.cli.progress.lines import watcher
from rlbench.messages import explain
from rlbench.reports.notebook_results import Results, load
from rlbench.results import Store
from rlbench.runner import Options, run_suite
from rlbench.runner.adaptive_seeds import Adaptive
from rlbench.stats import Design
from rlbench.suites import Draft, Suite, find_suite, plan, read_suite, seconds

_OF_THE_SUITE = ("seeds", "devices", "timeout", "stall_timeout")


def run(
    suite: str | os.PathLike[str] | Mapping[str, Any],
    output: str | os.PathLike[str] | None = None,
    *,
    plugins: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    settings: Mapping[str, Any] | None = None,
    quiet: bool = False,
    until_decided: bool | Mapping[str, Any] = False,
    **options: Any,
) -> Results:
    """Run a suite, or go on with it, and open its results; progress is written to stderr.

    suite: a YAML file, the name of a suite that comes with rlbench, or a suite as a mapping. output: the result folder,
    by default results/<suite name>. plugins: Python files that offer algorithms. settings: hyperparameters to be taken
    instead of the file's, {"dqn.lr": 1e-3}. until_decided: add seeds until every pair of algorithms is decided, at most
    {"alpha": 0.05, "margin": 0.05, "statistic": "mean", "group_size": 5, "looks": 6} or what of it is given; what was
    decided is in `results.decisions()`. options: seeds, devices, timeout and stall_timeout instead of the suite's;
    jobs, executor, rerun, retries, algorithms, environments, strict, profile and stop_after ("8h"), as
    rlbench.runner.Options has them.

    Returns: the results; runs that failed are rows with their status. Raises: RlbenchError (SuiteError, StoreError, …)
    as the command line would print it; KeyboardInterrupt after everything has stopped.
    """
    files = [plugins] if isinstance(plugins, (str, os.PathLike)) else plugins
    found = open_plugins([os.fspath(path) for path in files])
    changes = {name: options.pop(name) for name in _OF_THE_SUITE if name in options}
    try:
        options["stop_after"] = seconds(options.get("stop_after"))
    except PydanticCustomError as error:
        raise SuiteError(f"stop_after: {error.message()}") from error
    known = [*(f.name for f in dataclasses.fields(Options)), *_OF_THE_SUITE]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise SuiteError(f"rlbench.run has no option {unknown[0]!r}; it has {', '.join(known)}")
    asked: Suite | Draft
    if isinstance(suite, Mapping):
        asked = _from_mapping({**suite, **changes})
    else:
        asked = _from_file(suite, changes, settings or {})
    name = (asked.suite if isinstance(asked, Draft) else asked).name
    store = Store(result_folder(Path(output) if output is not None else None, name))
    chosen = Options(**options)
    planning, adaptive = {"jobs": chosen.jobs}, None
    if until_decided:
        adaptive = Adaptive(asked, found, store, chosen, _design(until_decided, changes), planning)
    planned = adaptive.planned()[0] if adaptive else plan(asked, found, jobs=chosen.jobs)
    watch = watcher(quiet)
    for problem in found.load_observers():
        watch.warn(problem)
    for skip in planned.skipped:
        (watch.say if skip.status == RunStatus.SKIPPED else watch.warn)(str(skip))
    if adaptive:
        adaptive.run(watch)
    else:
        run_suite(planned, found, store, chosen, watch)
    return load(store.root)


def _design(given: bool | Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The design asked for. Raises: SuiteError for a part that is none, or seeds beside it."""
    design = dict(given) if isinstance(given, Mapping) else {}
    known = [f.name for f in dataclasses.fields(Design)]
    for name in design:
        if name not in known:
            raise SuiteError(f"until_decided has no {name!r}; it has {', '.join(known)}")
    if "seeds" in changes:
        raise SuiteError("seeds and until_decided contradict: the latter says how many as it goes")
    return design


def _from_file(suite: str | os.PathLike[str], changes: Mapping[str, Any], settings: Mapping[str, Any]) -> Draft:
    return read_suite(find_suite(os.fspath(suite)), changes, [f"{name}={value}" for name, value in settings.items()])


def _from_mapping(suite: Mapping[str, Any]) -> Suite:
    try:
        return Suite.model_validate(suite)
    except ValidationError as error:
        told = [f"error: {'.'.join(map(str, e['loc']))}: {explain(e)}" for e in error.errors()]
        raise SuiteError("\n".join(told)) from error
