"""`rlbench anchors`: measure the lower anchor of a task, the mean return of its best trivial policy."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.cli.text_table import fitted, plain, write_error, write_out
from rlbench.cli.user_paths import OutputPath
from rlbench.text import significant

if TYPE_CHECKING:
    from rlbench.analysis.anchor_measurement import AnchorMeasurement
    from rlbench.api import Task


def _upper(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    scores = {}
    for text in values:
        task, _, score = text.rpartition("=")
        try:
            scores[task] = float(score)
            if not math.isfinite(scores[task]):
                raise ValueError
        except ValueError:
            raise click.BadParameter(f"{text!r} should be ENV=SCORE, such as CartPole-v1=475") from None
    return scores


@click.command()
@click.argument("environments", nargs=-1, required=True, metavar="ENV…")
@click.option(
    "--episodes", type=click.IntRange(2), default=10_000, show_default=True, help="Number of episodes for each policy."
)
@click.option(
    "--upper",
    multiple=True,
    callback=_upper,
    metavar="ENV=SCORE",
    help="Return at which a task counts as solved; may be repeated; default: Gymnasium's threshold.",
)
@click.option(
    "-o",
    "--output",
    type=OutputPath(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the anchors to FILE, for the option --anchors of other commands. Tasks that FILE already contains keep "
    "their upper anchor, unless --upper gives a new one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def anchors(
    environments: Sequence[str], episodes: int, upper: dict[str, float], output: Path | None, as_json: bool
) -> None:
    """Measure the lower anchor of each ENV: the mean return of the best trivial policy (random or constant).

    ENV is a Gymnasium id, module:MyEnv-v0, or a suite file. For a suite file, all its tasks are measured, with their
    keyword arguments, reset options and wrappers; a task that has a label is listed by that label. For continuous
    actions, each constant policy takes one of a few values between the bounds. Scores are normalised as (score - lower)
    / (upper - lower). The tasks of the built-in suites already have anchors.
    """
    from rlbench.analysis.anchor_file import entry_of, merge, provenance
    from rlbench.analysis.anchor_measurement import measure

    tasks = [task for name in environments for task in _tasks(name)]
    unknown = [name for name in upper if name not in {task.name for task in tasks}]
    if unknown:
        raise click.UsageError(f"--upper {unknown[0]}=…: {unknown[0]} is not one of the measured tasks")
    flags = ["--episodes", str(episodes), *(f"--upper={name}={value:g}" for name, value in upper.items())]
    origin = provenance(shlex.join(["rlbench", "anchors", *environments, *flags]))
    entries = {}
    for task in tasks:
        measurements = []
        for measurement in measure(task, episodes):
            measurements.append(measurement)
            write_error(f"{task.name}: {_measurement_line(measurement)}")
        entries[task.name] = entry_of(task, measurements, upper.get(task.name), origin)
        if output is not None:  # after each task, since a later one may fail
            entries[task.name] = merge(output, task.name, entries[task.name])
    if as_json:
        write_out(json.dumps({"schema_version": 1, "anchors": entries}, indent=1) + "\n")
        return
    rows = [
        [
            plain(name),
            significant(e["lower"]),
            significant(e["upper"]),
            plain(e["lower_source"]),
            plain(e["upper_source"]),
        ]
        for name, e in entries.items()
    ]
    write_out(fitted(["task", "lower", "upper", "source of lower", "source of upper"], rows, numbers=(1, 2)))
    for name, entry in entries.items():
        if entry["upper"] is None:
            advice = f"give the return that counts as solved with --upper {name}=SCORE"
            write_error(f"{name} has no upper anchor: {advice}")


def _tasks(name: str) -> list[Task]:
    """Return the task of an environment with Gymnasium's defaults, or the tasks of a suite."""
    from rlbench.api import Task, Wrapper
    from rlbench.suites import load_suite

    if not (name.endswith((".yaml", ".yml")) or Path(name).is_file()):
        return [Task(name, steps=1)]
    suite = load_suite(Path(name))
    return [
        Task(
            e.id,
            steps=1,
            kwargs=e.kwargs,
            wrappers=tuple(Wrapper(w.name, w.kwargs) for w in e.wrappers),
            reset_options=e.reset_options,
            label=e.label,
            register=suite.registrations,
        )
        for e in suite.environments
    ]


def _measurement_line(result: AnchorMeasurement) -> str:
    return f"{result.policy}: mean return {significant(result.mean)}, standard error {result.standard_error:.2g}"
