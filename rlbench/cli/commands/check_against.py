"""`rlbench check-against`: a comparison of results with published scores."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.missing_runs import describe_damaged, report_damaged
from rlbench.cli.text_table import fitted, plain, write_error, write_out
from rlbench.text import NOTHING, fixed, fixed_interval

if TYPE_CHECKING:
    from rlbench.analysis.published_check import PublishedComparison

SCHEMA_VERSION = 1
SOURCES = ("zoo", "cleanrl", "slm-lab")


HEADER = (
    "task",
    "algorithm",
    "ours",
    "95 % interval",
    "n",
    "theirs",
    "95 % interval",
    "n",
    "expected",
    "ours is",
)


@click.command("check-against")
@click.argument("source", type=click.Choice(SOURCES))
@folder_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
@click.pass_context
def check_against(context: click.Context, source: str, directory: Path, as_json: bool) -> None:
    """Compare the scores in DIRECTORY (default: the newest results) with published scores.

    The source of the published scores is zoo (RL Baselines3 Zoo), cleanrl (CleanRL) or slm-lab (SLM-Lab). The scores in
    DIRECTORY are computed as the source computes its own. A score is consistent with the published one if the latter
    lies in the 95 % interval that the runs in DIRECTORY predict for it. Otherwise, it is higher or lower. Fewer than 3
    runs are too few to say. Scores after different numbers of environment steps are not comparable. Exit code 4 if the
    source has no score for any algorithm and task in DIRECTORY.
    """
    from rlbench.analysis.published_check import check_against as check
    from rlbench.analysis.published_scores import PROTOCOLS
    from rlbench.analysis.suite_results import Results

    results = Results(directory)
    rows, corrupt = check(results, source), describe_damaged(results.rows)
    protocol = PROTOCOLS[source]
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "directory": str(directory),
            "protocol": asdict(protocol),
            "checked": [_entry(row) for row in rows],
            "corrupt": corrupt,
        }
        write_out(json.dumps(document, indent=1, sort_keys=True) + "\n")
    elif rows:
        text = f"{directory} against {protocol.title} ({protocol.where})\n{protocol.statistic}"
        text += f"; theirs ± {protocol.spread}\n\n" if protocol.spread else "; no spread published\n\n"
        text += fitted(HEADER, [_row(row) for row in rows], numbers=(2, 3, 4, 5, 6, 7, 8))
        noted = [row for row in rows if row.notes]
        text += "\n" if noted else ""
        text += "".join(plain(f"{row.algorithm} on {row.environment}: {'; '.join(row.notes)}") + "\n" for row in noted)
        write_out(text + f"\n{_expected(rows)}\n")
    if not rows:
        write_error(f"{protocol.title} has published no score for the algorithms and tasks in {directory}")
    context.exit(report_damaged(corrupt, 0 if rows else 4))


def _entry(row: PublishedComparison) -> dict[str, Any]:
    return {**asdict(row), "mean": None if math.isnan(row.mean) else row.mean, "comparable": row.comparable}


def _row(row: PublishedComparison) -> tuple[str, ...]:
    theirs = row.reference
    spread = "" if theirs.std is None else f" ± {theirs.std:g}"
    return (
        plain(row.environment),
        plain(row.algorithm),
        fixed(row.mean, 1) + ("" if row.std is None or math.isnan(row.mean) else f" ± {row.std:.1f}"),
        fixed_interval(row.low, row.high, 1),
        str(row.n),
        f"{theirs.mean:g}{spread}",
        fixed_interval(row.their_low, row.their_high, 1),
        str(theirs.runs),
        NOTHING if row.expected is None else fixed_interval(*row.expected, digits=1),
        row.verdict,
    )


def _expected(rows: list[PublishedComparison]) -> str:
    """Explain the column "expected", or why it is empty."""
    if not any(row.comparable for row in rows):
        return "not comparable: the published runs took more environment steps than any of ours"
    by = " or ".join(dict.fromkeys(row.expected_of for row in rows if row.expected_of)) or "3 runs or more"
    text = f"expected: the range of their score if their runs were like ours, by {by}; 1 in 20 is outside by chance"
    differing = "" if all(row.comparable for row in rows) else "\nnot comparable: trained for another number of steps"
    return text + differing
