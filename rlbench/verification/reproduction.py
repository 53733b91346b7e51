"""The suite file that trains one finished run again, with comments on the code and the machine that trained it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rlbench.api import NothingToCompare, Run, slug
from rlbench.executors.worker_process import MKL_MODE
from rlbench.results import RunState, Store
from rlbench.results.requested_runs import IMPORTED
from rlbench.suites.suite_of_runs import as_yaml, suite_of_runs
from rlbench.verification.retraining import instruction_limits, is_independent, stack_of

_LONGEST_NAME = 60


def reproduction(store: Store, run: Run, state: RunState, file: str) -> str:
    """Return the suite file, as YAML, that trains a run again with the same key.

    If the run's numbers depend on its stack, the suite has the seeds of the whole stack. file: the path that the suite
    file will have, for the command in the comments. Raises: NothingToCompare if the run was imported or has no result.
    """
    if run.algorithm.startswith(IMPORTED) or "imported" in state.result:
        raise NothingToCompare(f"{run.name} was imported: no suite trains it")
    if not state.status.has_score:
        raise NothingToCompare(f"{run.name} has no result: {state.status.describe(state.message)}")
    seeds: Sequence[int] = (run.seed,)
    result, note = state.result, ""
    numerics = result.get("numerics", {})
    if not is_independent(result):
        seeds = stack_of(store, run, state) or seeds
        note = f"Its numbers may depend on its stack of {result.get('stack_size')} seeds, so "
        note += "all are here." if len(seeds) > 1 else "they may differ: it is no longer known which seeds these were."
    document = store.suite()["suite"]
    name = slug(f"{run.label or run.algorithm}-{run.task.name}-s{run.seed}", _LONGEST_NAME)
    suite = suite_of_runs(name, [run], document, seeds)
    suite |= {"devices": numerics.get("device", "cpu"), "compile": "on" if numerics.get("compiled") else "off"}
    suite |= {"jobs": 1} if len(seeds) > 1 else {}  # several jobs would split the stack
    suite |= {"data_files": document["data_files"]} if document.get("data_files") else {}
    comments = [*_about(store, run, state, file, note), *_made_by(result)]
    return "".join(f"# {_one_line(line)}".rstrip() + "\n" for line in comments) + as_yaml(suite)


def _about(store: Store, run: Run, state: RunState, file: str, note: str) -> list[str]:
    variables = instruction_limits(state.result.get("numerics", {}))
    mkl = state.result.get("numerics", {}).get("mkl")
    variables |= {"MKL_CBWR": mkl} if mkl and mkl != MKL_MODE else {}
    code = state.result.get("code", {})
    plugin = ["--plugin", str(code.get("distribution"))] if code.get("version") == "file" else []
    assignments = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())
    command = assignments + shlex.join(["rlbench", "run", file, *plugin])
    return [
        f"{run.label or run.algorithm} on {run.task.name}, seed {run.seed}, as a suite. It trains the run again:",
        f"    {command}",
        *([note] if note else []),
        f"The run: {run.name} of {store.root.name}, {state.status} after {state.result.get('steps'):,} steps",
        f"Its key: {run.key}",
    ]


def _made_by(result: Mapping[str, Any]) -> Sequence[str]:
    """Return lines on the code, the versions and the machine that a result.json records."""
    code, numerics = result.get("code", {}), result.get("numerics", {})
    versions = ", ".join(f"{name} {version}" for name, version in result.get("versions", {}).items())
    packages = result.get("dependencies", {}).get("distributions", {})
    others = [
        f"{name} {version}"
        for name, version in packages.items()
        if name.replace("_", "-") not in result.get("versions", {})
    ]
    settings = ", ".join(f"{name} {value}" for name, value in numerics.items() if isinstance(value, (str, int, bool)))
    return [
        f"Plugin: {code.get('distribution')} {code.get('version')}",
        f"Commit of the plugin: {result.get('git_commit') or 'not recorded'}",
        f"Versions: {versions}",
        *([f"Other packages: {', '.join(others)}"] if others else []),
        f"Environments: {result.get('environment_backend')}",
        f"Processor: {result.get('hardware', {}).get('cpu')}, {result.get('hardware', {}).get('system')}",
        f"Numerics: {settings}",
    ]


def _one_line(text: str) -> str:
    """Replace characters that are not printable, so that the text cannot end its comment."""
    return "".join(c if c.isprintable() else "?" for c in text)
