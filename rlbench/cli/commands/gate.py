"""`rlbench gate`: whether new results have lost anything against a base, as an exit code."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import anchors_option, find_folder
from rlbench.cli.missing_runs import say_damaged
from rlbench.cli.text_table import fitted, number, plain, write_out

if TYPE_CHECKING:
    from rlbench.analysis import Anchors
    from rlbench.analysis.regression_gate import Gate, Row

SCHEMA_VERSION = 1
EXIT = {"pass": 0, "identical": 0, "fail": 1, "undecided": 5}


def _folder(context: click.Context, parameter: click.Parameter, value: str) -> Path:
    return find_folder(value)


@click.command()
@click.argument("new", callback=_folder)
@click.option(
    "--against", "base", required=True, callback=_folder, metavar="BASE", help="The results to hold it against."
)
@click.option(
    "--margin",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="The loss that is acceptable, in normalised scores (0 to 1 between the anchors).",
)
@click.option(
    "--alpha",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help="How often the whole gate may fail without a loss greater than the margin; likewise pass with one.",
)
@click.option(
    "--speed-margin",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The share of speed whose loss is acceptable.",
)
@click.option("--no-speed", is_flag=True, help="Compare no speeds.")
@click.option(
    "--statistic",
    default="iqm",
    show_default=True,
    type=click.Choice(["iqm", "mean"]),
    help="Of the runs' scores; the mean also sees what happens to fewer than a quarter of them.",
)
@anchors_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
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
    """Say whether the results in NEW have lost anything against those in BASE, for continuous integration.

    It fails (exit code 1) where a loss greater than the margin is shown, passes (0) where every loss is shown to be smaller
    or the runs are identical to the bit, and is undecided otherwise (5), with what more runs could show. Algorithms are
    matched by label, tasks by environment.
    """
    from rlbench.analysis.regression_gate import gate as judge_folders
    from rlbench.results import Store

    speeds = None if no_speed else speed_margin
    found = judge_folders(Store(new), Store(base), margin, alpha, speeds, statistic, supplied)
    if as_json:
        write_out(json.dumps(_document(found, new, base), indent=1, sort_keys=True) + "\n")
    else:
        write_out(_text(found, new, base))
    context.exit(say_damaged(found.corrupt, EXIT[found.verdict]))


def _document(found: Gate, new: Path, base: Path) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "new": str(new), "base": str(base), **asdict(found)}


def _text(found: Gate, new: Path, base: Path) -> str:
    speed = "" if found.speed_margin is None else f", {found.speed_margin:.0%} of speed"
    name = {"iqm": "IQM", "mean": "mean"}[found.statistic]
    text = f"{new} against {base}: margin {found.margin:g}{speed}, alpha {found.alpha:g} for the whole gate\n\n"
    scores = [row for row in found.rows if row.what == "score"]
    header = ("task", "algorithm", name, "base", "difference", "95 % interval", "n", "verdict", "")
    text += fitted(header, [_score(row) for row in scores], numbers=(2, 3, 4, 5, 6)) if scores else ""
    text += "\ndifference: in normalised scores, new minus base\n" if any(row.judged for row in scores) else ""
    text += _speed_lines([row for row in found.rows if row.what == "speed"])
    text += "".join(_plan(row, found) for row in found.rows)
    text += "".join(f"gone wrong: {plain(line)}\n" for line in found.gone_wrong)
    text += "".join(f"note: {plain(line)}\n" for line in found.notes)
    return text + f"\n{_closing(found)}\n"


def _score(row: Row) -> tuple[str, ...]:
    values = ["–" if value is None else number(value, 1) for value in row.values]
    difference = interval = ""
    if row.judged is not None and row.judged.interval is not None:
        there = row.judged.interval
        three = (there.estimate, there.low, there.high)
        difference, low, high = (number(value, 3, "+", three) for value in three)
        interval = f"[{low}, {high}]"
    names = (plain(row.environment), plain(row.algorithm))
    return (*names, *values, difference, interval, f"{row.n[0]}/{row.n[1]}", row.verdict, plain(row.note))


def _speed_lines(rows: list[Row]) -> str:
    """A line for each speed that was compared, and one for each reason why others were not."""
    text = ""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        name = plain(f"{row.algorithm} on {row.environment}")
        ratio = (
            f"{row.values[0] / row.values[1]:.2f} times the base's" if row.values[0] and row.values[1] else "unknown"
        )
        if row.judged is not None:
            text += f"speed of {name}: {ratio}, {row.verdict}\n"
        else:
            reasons.setdefault(row.note, []).append(f"{name} ({ratio})" if row.values[0] and row.values[1] else name)
    for reason, names in reasons.items():
        which = f": {', '.join(names)}" if len(names) < len(rows) else ""
        text += f"speed not compared: {reason}{which}\n"
    return text


def _plan(row: Row, found: Gate) -> str:
    """What as many runs as there are could show, and how many more it takes."""
    if row.verdict != "undecided" or row.judged is None or row.judged.plan is None:
        return ""
    plan, unit = row.judged.plan, "runs" if row.what == "score" else "processes"

    def shown(loss: float) -> str:
        return number(loss, 2) if row.what == "score" else f"{1 - math.exp(-loss):.0%} of speed"

    said = [f"{row.n[0]} {unit} against {row.n[1]} show a loss of {shown(plan.loss)}"] if plan.loss is not None else []
    said += [f"{plan.runs_if_equal} on each side that there is none"] if plan.runs_if_equal else []
    said += [f"{plan.runs_if_so} on each side the loss seen here"] if plan.runs_if_so else []
    name = plain(f"{row.algorithm} on {row.environment}")
    what = "" if row.what == "score" else "speed of "
    return f"{what}{name}: with a power of 80 %, {'; '.join(said)}\n"


def _closing(found: Gate) -> str:
    named = {
        verdict: [
            ("speed of " if row.what == "speed" else "") + plain(f"{row.algorithm} on {row.environment}")
            for row in found.rows
            if row.verdict == verdict and (row.what == "score" or row.judged is not None)
        ]
        for verdict in ("fail", "undecided", "not compared", "identical")
    }
    if found.verdict == "fail":
        return f"FAIL: lost more than the margin: {', '.join(named['fail'])}"
    if found.verdict == "undecided":
        open_ = named["undecided"] + [f"{name} (not compared)" for name in named["not compared"]]
        damaged = [f"{len(found.corrupt)} damaged or gone"] if found.corrupt else []
        return f"UNDECIDED: {', '.join(open_ + damaged) or 'nothing to judge'}"
    if found.verdict == "identical":
        return "PASS: all runs are identical"
    same = f" ({len(named['identical'])} identical)" if named["identical"] else ""
    return f"PASS: every loss is shown to be smaller than the margin{same}"
