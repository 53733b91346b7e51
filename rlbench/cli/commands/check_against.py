"""`rlbench check-against`: results against published scores."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.common_options import folder_argument
from rlbench.cli.missing_runs import corrupt_runs, say_damaged
from rlbench.cli.text_table import fitted, plain, write_out

if TYPE_CHECKING:
    from rlbench.analysis.published_check import Checked

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
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@click.pass_context
def check_against(context: click.Context, source: str, directory: Path, as_json: bool) -> None:
    """Hold the scores in DIRECTORY (the newest results if none is given) against published ones, made as those were made.

    zoo: RL Baselines3 Zoo. cleanrl: CleanRL. slm-lab: SLM-Lab. Ours is consistent where a number like the published one is
    to be expected from runs like ours (95 %), else higher or lower; with another number of environment steps than theirs it is
    not comparable. Exit code 4 if the results have nothing in common with the source.
    """
    from rlbench.analysis.published_check import check_against as check
    from rlbench.analysis.published_scores import PROTOCOLS
    from rlbench.results import Store
    from rlbench.results.run_table import run_table

    store = Store(directory)
    found, corrupt = check(store, source), corrupt_runs(run_table(store))
    protocol = PROTOCOLS[source]
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "directory": str(directory),
            "protocol": asdict(protocol),
            "checked": [_entry(row) for row in found],
            "corrupt": corrupt,
        }
        write_out(json.dumps(document, indent=1, sort_keys=True) + "\n")
    elif found:
        text = f"{directory} against {protocol.title} ({protocol.where})\n{protocol.statistic}"
        text += f"; theirs ± {protocol.spread}\n\n" if protocol.spread else "; no spread published\n\n"
        text += fitted(HEADER, [_row(row) for row in found], numbers=(2, 3, 4, 5, 6, 7, 8))
        noted = [row for row in found if row.notes]
        text += "\n" if noted else ""
        text += "".join(plain(f"{row.algorithm} on {row.environment}: {'; '.join(row.notes)}") + "\n" for row in noted)
        write_out(text + f"\n{_expected(found)}\n")
    if not found:
        click.echo(f"nothing in {directory} is among the published scores of {protocol.title}", err=True)
    context.exit(say_damaged(corrupt, 0 if found else 4))


def _entry(row: Checked) -> dict[str, Any]:
    return {**asdict(row), "mean": None if math.isnan(row.mean) else row.mean, "comparable": row.comparable}


def _row(row: Checked) -> tuple[str, ...]:
    theirs = row.reference
    spread = "" if theirs.std is None else f" ± {theirs.std:g}"
    return (
        plain(row.environment),
        plain(row.algorithm),
        "–" if math.isnan(row.mean) else f"{row.mean:.1f}" + ("" if row.std is None else f" ± {row.std:.1f}"),
        _between(row.low, row.high),
        str(row.n),
        f"{theirs.mean:g}{spread}",
        _between(row.their_low, row.their_high),
        str(theirs.runs),
        _between(*row.expected) if row.expected else "–",
        row.verdict,
    )


def _between(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"[{low:.1f}, {high:.1f}]"


def _expected(found: list[Checked]) -> str:
    """What the column "expected" holds, or why it holds nothing."""
    if not any(row.comparable for row in found):
        return "not comparable: their runs took more environment steps than any of ours"
    by = " or ".join(dict.fromkeys(row.expected_of for row in found if row.expected_of)) or "3 runs or more"
    text = f"expected: where theirs would lie if it came from runs like ours, by {by}; one in twenty lies outside by chance"
    apart = "" if all(row.comparable for row in found) else "\nnot comparable: trained for another number of steps"
    return text + apart
