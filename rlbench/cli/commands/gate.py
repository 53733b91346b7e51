"""`rlbench gate`: a check of new results for regressions against a base, with an exit code."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import anchors_option, find_folder
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.text_table import fitted, plain, write_out
from rlbench.text import console_interval, console_number

if TYPE_CHECKING:
    from rlbench.analysis import Anchors
    from rlbench.analysis.regression_gate import Gate, GateRow

SCHEMA_VERSION = 1
EXIT = {"pass": 0, "identical": 0, "fail": 1, "undecided": 5}


def _folder(context: click.Context, parameter: click.Parameter, value: str) -> Path:
    return find_folder(value)


@click.command()
@click.argument("new", callback=_folder)
@click.option(
    "--against", "base", required=True, callback=_folder, metavar="BASE", help="Result folder to compare NEW with."
)
@click.option(
    "--margin",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Acceptable loss, in normalised scores (0 to 1 between the anchors).",
)
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="Maximum probability of a false alarm (the gate fails, but no score dropped by more than the margin), and of "
    "a miss (the gate passes, but some score dropped by more).",
)
@click.option(
    "--speed-margin",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Acceptable loss of training speed, as a share of the base's.",
)
@click.option("--no-speed", is_flag=True, help="Do not compare training speeds.")
@click.option(
    "--statistic",
    default="iqm",
    show_default=True,
    type=click.Choice(["iqm", "mean"]),
    help="Statistic of the runs' scores. The IQM leaves out the lowest and the highest quarter of the runs, so it can "
    "miss a change in a few runs; the mean leaves out none.",
)
@anchors_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
@click.pass_context
def gate(
    context: click.Context,
    new: Path,
    base: Path,
    margin: float,
    alpha: float,
    speed_margin: float,
    no_speed: bool,
    statistic: str,
    supplied: Mapping[str, Anchors],
    as_json: bool,
) -> None:
    """Check whether the results in NEW are worse than those in BASE, for continuous integration.

    The gate fails (exit code 1) if some score is shown to have dropped by more than the margin. It passes (0) if every
    drop is shown to be smaller, or if the runs are bitwise identical. Otherwise it is undecided (5), and prints how
    many runs would decide it. Training speed is compared in the same way, unless --no-speed is given. Algorithms are
    matched by label, tasks by environment. NEW and BASE are result folders, or names of folders under results/.
    """
    from rlbench.analysis import Results
    from rlbench.analysis.regression_gate import gate as judge_folders

    speeds = None if no_speed else speed_margin
    result = judge_folders(Results(new, supplied), Results(base, supplied), margin, alpha, speeds, statistic)
    if as_json:
        write_out(json.dumps(_document(result, new, base), indent=1, sort_keys=True) + "\n")
    else:
        write_out(_text(result, new, base))
    context.exit(report_damaged(result.corrupt, EXIT[result.verdict]))


def _document(result: Gate, new: Path, base: Path) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "new": str(new), "base": str(base), **asdict(result)}


def _text(result: Gate, new: Path, base: Path) -> str:
    speed = "" if result.speed_margin is None else f", {result.speed_margin:.0%} of speed"
    name = {"iqm": "IQM", "mean": "mean"}[result.statistic]
    text = f"{new} against {base}: margin {result.margin:g}{speed}, alpha {result.alpha:g} for the whole gate\n\n"
    scores = [row for row in result.rows if row.what == "score"]
    header = ("task", "algorithm", name, "base", "difference", "95 % interval", "n", "verdict", "")
    text += fitted(header, [_score(row) for row in scores], numbers=(2, 3, 4, 5, 6)) if scores else ""
    text += "\ndifference: in normalised scores, new minus base\n" if any(row.details for row in scores) else ""
    text += _speed_lines([row for row in result.rows if row.what == "speed"])
    text += "".join(_needed_runs(row, result) for row in result.rows)
    text += "".join(f"newly failed: {plain(line)}\n" for line in result.gone_wrong)
    text += "".join(f"note: {plain(line)}\n" for line in result.notes)
    return text + f"\n{_closing(result)}\n"


def _score(row: GateRow) -> tuple[str, ...]:
    values = [console_number(value, 1) for value in row.values]
    difference = interval = ""
    if row.details is not None and row.details.interval is not None:
        bounds = row.details.interval
        three = (bounds.estimate, bounds.low, bounds.high)
        difference = console_number(bounds.estimate, 3, "+", three)
        interval = console_interval(bounds.low, bounds.high, 3, "+", three)
    names = (plain(row.environment), plain(row.algorithm))
    return (*names, *values, difference, interval, f"{row.n[0]}/{row.n[1]}", row.verdict, plain(row.note))


def _speed_lines(rows: list[GateRow]) -> str:
    """Return a line for each compared speed, and a line for each reason why other speeds were not compared."""
    text = ""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        name = plain(f"{row.algorithm} on {row.environment}")
        ratio = (
            f"{row.values[0] / row.values[1]:.2f} times the base's" if row.values[0] and row.values[1] else "unknown"
        )
        if row.details is not None:
            text += f"speed of {name}: {ratio}, {row.verdict}\n"
        else:
            reasons.setdefault(row.note, []).append(f"{name} ({ratio})" if row.values[0] and row.values[1] else name)
    for reason, names in reasons.items():
        which = f": {', '.join(names)}" if len(names) < len(rows) else ""
        text += f"speed not compared: {reason}{which}\n"
    return text


def _needed_runs(row: GateRow, result: Gate) -> str:
    """Return, for an undecided row, which loss its runs can show and how many runs would decide it.

    Returns "" for other rows.
    """
    if row.verdict != "undecided" or row.details is None or row.details.plan is None:
        return ""
    plan, unit = row.details.plan, "runs" if row.what == "score" else "processes"

    def loss_text(loss: float) -> str:
        return console_number(loss, 2) if row.what == "score" else f"{1 - math.exp(-loss):.0%} of speed"

    parts = (
        [f"{row.n[0]} {unit} against {row.n[1]} show a loss of {loss_text(plan.loss)}"] if plan.loss is not None else []
    )
    if plan.runs_if_equal:
        parts.append(f"{plan.runs_if_equal} on each side show that there is no loss")
    if plan.runs_if_so:
        parts.append(f"{plan.runs_if_so} on each side show the loss seen here")
    name = plain(f"{row.algorithm} on {row.environment}")
    what = "" if row.what == "score" else "speed of "
    return f"{what}{name}: with a power of 80 %, {'; '.join(parts)}\n"


def _closing(result: Gate) -> str:
    names = {
        verdict: [
            ("speed of " if row.what == "speed" else "") + plain(f"{row.algorithm} on {row.environment}")
            for row in result.rows
            if row.verdict == verdict and (row.what == "score" or row.details is not None)
        ]
        for verdict in ("fail", "undecided", "not compared", "identical")
    }
    if result.verdict == "fail":
        return f"FAIL: loss above the margin: {', '.join(names['fail'])}"
    if result.verdict == "undecided":
        undecided = names["undecided"] + [f"{name} (not compared)" for name in names["not compared"]]
        damaged = [f"{len(result.corrupt)} damaged or missing"] if result.corrupt else []
        return f"UNDECIDED: {', '.join(undecided + damaged) or 'nothing to compare'}"
    if result.verdict == "identical":
        return "PASS: all runs are identical"
    same = f" ({len(names['identical'])} identical)" if names["identical"] else ""
    return f"PASS: every loss is shown to be below the margin{same}"
