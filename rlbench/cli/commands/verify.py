"""`rlbench verify`: finished runs, trained again and compared bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import find_folder, open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.run_argument import find_run, is_result_folder, run_or_folder_argument
from rlbench.cli.suite_trust import allow_option, has_run, suite_option
from rlbench.cli.text_table import plain, write_error, write_out
from rlbench.cli.user_paths import UserPath
from rlbench.text import counted, plural, ranges

if TYPE_CHECKING:
    from rlbench.api import Run
    from rlbench.results import RunState, Store
    from rlbench.verification.record_differences import Difference
    from rlbench.verification.run_verification import Verdict, Verification

SCHEMA_VERSION = 1
DIFFERS = 1
_MOST_CAUSES = 12


@click.command()
@run_or_folder_argument
@click.option(
    "--steps",
    type=click.IntRange(1),
    metavar="K",
    help="Train only the first K environment steps, and compare the records up to there; default: the whole run, with "
    "its final weights.",
)
@click.option(
    "--all", "every", is_flag=True, help="Verify every run in DIRECTORY; default: one run of each algorithm and task."
)
@click.option(
    "-a",
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="PATTERN",
    help="Verify only matching algorithms in DIRECTORY; may be repeated, or a list with commas.",
)
@click.option(
    "-e",
    "--env",
    "environments",
    multiple=True,
    metavar="PATTERN",
    help="Verify only matching environments in DIRECTORY; may be repeated, or a list with commas.",
)
@click.option(
    "--traces",
    type=UserPath(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Instead of training, play the actions in these traces (`rlbench export --to traces`) in fresh environments.",
)
@suite_option
@allow_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def verify(
    target: Path | None,
    steps: int | None,
    every: bool,
    algorithms: Sequence[str],
    environments: Sequence[str],
    traces: Path | None,
    suite: str | None,
    allowed: Sequence[str],
    plugin_files: Sequence[str],
    as_json: bool,
) -> int:
    """Train a finished RUN again, and compare its records and final weights bit for bit with the stored ones.

    RUN is the path or the name of a folder in DIRECTORY/runs, or a unique part of that name. Without
    RUN, one run of each algorithm and task in DIRECTORY (default: the newest results) is verified. A run is trained
    alone if result.json records that its results do not depend on the seeds that were trained with it. Otherwise, those
    seeds are trained again too. Training writes to a temporary folder, which is removed.

    For a run that differs, the command prints the first difference in each file, and what has changed in code, packages
    and machine since the run.
    Runs that cannot be verified are named with the reason. The exit code is 0 if all verified runs are equal, 1 if one
    differs or is damaged, and 4 if none could be verified.

    With --traces nothing is trained and no policy is loaded: the recorded actions are played from the recorded reset
    seeds, and returns and lengths must be those in the trace and in the run's records. The records are read from RUN or
    DIRECTORY; by default, from the result folder that the traces were exported from.

    A result folder can name code, which is not trusted. The algorithm comes from an installed plugin or a file given
    with --plugin. An environment or wrapper that the folder names is created only if it comes with Gymnasium, an
    installed plugin or a file given with --plugin, unless --suite or --allow permits more.
    """
    from rlbench.verification.run_verification import verify_runs

    open_plugins(plugin_files)  # fails here if a file does not exist

    def modules(run: Run) -> Sequence[str] | None:
        return None if suite is not None and has_run(suite, run) else allowed

    if traces is not None:
        if steps is not None or every or algorithms or environments:
            raise click.UsageError("--traces plays every trace of the folder; leave out --steps, --all, -a and -e")
        return _verify_traces(target, traces, plugin_files, modules, as_json)
    store, runs, states = _selected(target or find_folder(None), every, algorithms, environments)
    verifications = []
    for one in verify_runs(store, runs, states, steps, plugin_files, modules, _announce):
        verifications.append(one)
        if not as_json:
            write_out(_as_text(one))
    if as_json:
        entries = [_as_entry(one) for one in verifications]
        write_out(json.dumps({"schema_version": SCHEMA_VERSION, "steps": steps, "runs": entries}, indent=1) + "\n")
    return _exit_code([one.verdict for one in verifications], "run", as_json)


def _exit_code(verdicts: Sequence[Verdict], what: str, as_json: bool) -> int:
    """Print how many runs or traces (`what`) have each verdict.

    Returns: the exit code. Raises: NothingToCompare if none was verified.
    """
    from rlbench.api import NothingToCompare
    from rlbench.verification.run_verification import Verdict

    if not as_json and len(verdicts) > 1:
        words = {Verdict.DIFFERS: "differ"}
        counts = [f"{verdicts.count(each)} {words.get(each, each)}" for each in Verdict if each in verdicts]
        write_out(f"{plural(len(verdicts), what)}: {', '.join(counts)}\n")
    if Verdict.DIFFERS in verdicts or Verdict.DAMAGED in verdicts:
        return DIFFERS
    if Verdict.EQUAL not in verdicts:
        raise NothingToCompare(f"no {what} could be verified")
    return 0


def _verify_traces(
    target: Path | None,
    traces: Path,
    plugin_files: Sequence[str],
    modules: Callable[[Run], Sequence[str] | None],
    as_json: bool,
) -> int:
    from rlbench.cli.trace_checks import print_checks, recorded_runs, result_folder_of
    from rlbench.verification.trace_verification import verify_traces

    known = recorded_runs(target or result_folder_of(traces))
    is_run = target is not None and not is_result_folder(target)
    only = {run.name for _, run, _ in known.values()} if is_run else None
    checks = verify_traces(traces, known, plugin_files, modules, only)
    return _exit_code([check.verdict for check in print_checks(checks, as_json)], "trace", as_json)


def _selected(
    target: Path, every: bool, algorithms: Sequence[str], environments: Sequence[str]
) -> tuple[Store, Sequence[Run], Mapping[str, RunState]]:
    """Return the runs to verify, with their store and states.

    Raises: click.UsageError if a single run is given together with options that select runs of a folder.
    """
    from rlbench.results import Store
    from rlbench.results.run_selection import matching_runs
    from rlbench.verification.run_verification import one_of_each

    if not is_result_folder(target):
        if every or algorithms or environments:
            raise click.UsageError("--all, -a and -e select runs of a folder, but a single run is given")
        store, run, state = find_run(target)
        return store, [run], {run.key: state}
    store = Store(target, caches=False)
    runs: Sequence[Run] = store.runs()
    if algorithms or environments:
        runs = matching_runs(runs, algorithms, environments)
    states = store.states(runs)
    return store, runs if every else one_of_each(runs, states), states


def _announce(runs: Sequence[Run], seeds: tuple[int, ...]) -> None:
    run = runs[0]
    stack = "" if len(seeds) == len(runs) else f", in its stack of seeds {ranges(seeds)}"
    which = f"seed {run.seed}" if len(runs) == 1 else f"seeds {ranges(one.seed for one in runs)}"
    write_error(f"training {run.label or run.algorithm} on {run.task.name}, {which}, again{stack}")


def _title(run: Run) -> str:
    return f"{run.label or run.algorithm} on {run.task.name}, seed {run.seed}"


def _as_text(one: Verification) -> str:
    lines = [f"{_title(one.run)}: {one.verdict}" + (f": {one.reason}" if one.reason else "")]
    if one.steps:
        with_weights = " and the final weights" if one.weights else ""
        lines[0] += f" (up to step {one.steps}: {counted(one.rows, 'record')}{with_weights})"
    for first, difference in enumerate(one.differences):
        lines.append(f"  {'and in' if first else 'first in'} {_difference(difference)}")
    changed = [str(cause) for cause in one.causes]
    if changed:
        lines.append("  changed since the run:" if one.differences else "  changed since the run, without effect:")
        lines += [f"    {text}" for text in changed[:_MOST_CAUSES]]
        lines += [f"    and {len(changed) - _MOST_CAUSES} more (--json lists all)"] * (len(changed) > _MOST_CAUSES)
    elif one.differences:
        lines.append(
            "  nothing that is recorded differs: the algorithm or its environment is not deterministic, or files of"
            " the run were changed"
        )
    if one.differences and len(one.trained) != one.stack_size:
        lines.append(
            f"  the run was trained in a stack of {one.stack_size} seeds; result.json records that its numbers do not"
            " depend on the stack"
        )
    return "".join(f"{plain(line)}\n" for line in lines)


def _difference(found: Difference) -> str:
    step = "" if found.step is None else f", step {found.step}"
    unit = "numbers" if found.file.endswith(".safetensors") else "rows"
    share = "" if found.total == 1 else f" ({found.differing:,} of {found.total:,} {unit} differ)"
    values = f"recorded {_value(found.recorded)}, now {_value(found.now)}"
    return f"{found.file}, seed {found.seed}{step}, {found.field}: {values}{share}"


def _value(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _as_entry(one: Verification) -> dict[str, Any]:
    return {
        "run": one.run.name,
        "key": one.run.key,
        "algorithm": one.run.label or one.run.algorithm,
        "environment": one.run.task.name,
        "seed": one.run.seed,
        "verdict": str(one.verdict),
        "reason": one.reason,
        "steps": one.steps,
        "trained_seeds": list(one.trained),
        "stack_size": one.stack_size,
        "records": one.rows,
        "weights": one.weights,
        "differences": [difference._asdict() for difference in one.differences],
        "causes": [cause._asdict() for cause in one.causes],
    }
