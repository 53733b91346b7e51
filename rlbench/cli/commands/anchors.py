"""`rlbench anchors`: measure what scores cost nothing on a task, the lower anchor of its normalised scores."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.text_table import fitted, plain, write_out
from rlbench.cli.user_paths import UserPath

if TYPE_CHECKING:
    from rlbench.analysis.anchor_measurement import Measured
    from rlbench.api import Task


def _upper(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in values:
        task, _, score = text.rpartition("=")
        try:
            found[task] = float(score)
            if not math.isfinite(found[task]):
                raise ValueError
        except ValueError:
            raise click.BadParameter(f"{text!r} is not ENV=SCORE, as CartPole-v1=475 is") from None
    return found


@click.command()
@click.argument("environments", nargs=-1, required=True, metavar="ENV…")
@click.option("--episodes", type=click.IntRange(2), default=10_000, show_default=True, help="Episodes of each policy.")
@click.option(
    "--upper",
    multiple=True,
    callback=_upper,
    metavar="ENV=SCORE",
    help="What counts as solved; default: Gymnasium's threshold.",
)
@click.option(
    "-o",
    "--output",
    type=UserPath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write them to FILE, for --anchors of other commands; tasks that are in it already keep their upper anchor.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def anchors(
    environments: Sequence[str], episodes: int, upper: dict[str, float], output: Path | None, as_json: bool
) -> None:
    """Play the random policy and each constant action on ENV…, and print the better of them: the lower anchor.

    ENV is a Gymnasium id, module:MyEnv-v0, or a suite's file, which stands for its tasks with their keyword arguments and
    wrappers. Continuous actions are tried at a few levels from bound to bound. Scores are normalised as (score - lower) /
    (upper - lower); the tasks of the suites that come along have anchors already.
    """
    from rlbench.analysis.anchor_file import entry_of, merge, provenance
    from rlbench.analysis.anchor_measurement import measure

    tasks = [task for name in environments for task in _tasks(name)]
    unknown = [name for name in upper if name not in {task.env_id for task in tasks}]
    if unknown:
        raise click.UsageError(f"--upper {unknown[0]}=…: {unknown[0]} is not among the tasks that are measured")
    flags = ["--episodes", str(episodes), *(f"--upper={name}={value:g}" for name, value in upper.items())]
    made = provenance(shlex.join(["rlbench", "anchors", *environments, *flags]))
    entries = {}
    for task in tasks:
        measured = []
        for found in measure(task, episodes):
            measured.append(found)
            click.echo(f"{plain(task.env_id)}: {_said(found)}", err=True)
        entries[task.env_id] = entry_of(task, measured, upper.get(task.env_id), made)
        if output is not None:  # at once: a later task may fail
            entries[task.env_id] = merge(output, task.env_id, entries[task.env_id])
    if as_json:
        write_out(json.dumps({"schema_version": 1, "anchors": entries}, indent=1) + "\n")
        return
    rows = [
        [plain(name), f"{e['lower']:.6g}", _number(e["upper"]), plain(e["lower_source"]), plain(e["upper_source"])]
        for name, e in entries.items()
    ]
    write_out(fitted(["task", "lower", "upper", "lower is", "upper is"], rows, numbers=(1, 2)))
    for name, entry in entries.items():
        if entry["upper"] is None:
            click.echo(f"{plain(name)} has no upper anchor: give what counts as solved, --upper {name}=SCORE", err=True)


def _tasks(name: str) -> list[Task]:
    """An environment as Gymnasium makes it, or the tasks of a suite."""
    from rlbench.api import Task, Wrapper
    from rlbench.suites import load_suite

    if not (name.endswith((".yaml", ".yml")) or Path(name).is_file()):
        return [Task(name, steps=1)]
    return [
        Task(e.id, steps=1, kwargs=e.kwargs, wrappers=tuple(Wrapper(w.name, w.kwargs) for w in e.wrappers))
        for e in load_suite(Path(name)).environments
    ]


def _said(found: Measured) -> str:
    return f"{found.policy}: mean return {found.mean:.6g}, standard error {found.standard_error:.2g}"


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.6g}"
