"""`rlbench power`: how many seeds a difference would take, from the spread of the runs there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.api import NothingToCompare
from rlbench.cli.common_options import anchors_option, folder_argument
from rlbench.cli.missing_runs import say_damaged
from rlbench.cli.text_table import fitted, number, plain, write_out

if TYPE_CHECKING:
    from rlbench.analysis import Anchors
    from rlbench.analysis.power_analysis import Power

SCHEMA_VERSION = 1
DEFAULT = (0.05, 0.1, 0.2)
_SHARE = click.FloatRange(0, 1, True, True)


@click.command()
@folder_argument
@click.option(
    "--difference",
    "differences",
    type=click.FloatRange(0, min_open=True),
    multiple=True,
    metavar="D",
    help="Of normalised scores; may be repeated; default 0.05, 0.1 and 0.2.",
)
@click.option("--power", type=_SHARE, default=0.8, show_default=True, help="How likely it is to be shown.")
@click.option("--alpha", type=_SHARE, default=0.05, show_default=True, help="Level of the family.")
@click.option(
    "--pairs", type=click.IntRange(1), default=1, show_default=True, help="Pairs to be tested at once (Holm)."
)
@click.option(
    "--statistic", type=click.Choice(["iqm", "mean"]), default="iqm", show_default=True, help="What is compared."
)
@anchors_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
def power(
    directory: Path,
    differences: Sequence[float],
    power: float,
    alpha: float,
    pairs: int,
    statistic: str,
    supplied: Mapping[str, Anchors],
    as_json: bool,
) -> int:
    """Say how many seeds a difference of D would take, from the spread in DIRECTORY (the newest results if none is given).

    For each algorithm, against another one of like spread: the seeds on each side and task for each D, and the difference
    that as many runs as there are would show. Simulated by drawing from the runs themselves (docs/statistics.md): of a
    failure that has not happened yet they know nothing.
    """
    from rlbench.analysis import read_scores
    from rlbench.analysis.power_analysis import left_out, power_of
    from rlbench.results import Store

    wanted = tuple(dict.fromkeys(differences or DEFAULT))
    scores = read_scores(Store(directory), supplied)
    found = power_of(scores, wanted, power, alpha, pairs, statistic)
    settings = {"power": power, "alpha": alpha, "pairs": pairs, "statistic": statistic}
    absent = left_out(scores)
    if not found:
        raise NothingToCompare("; ".join(["no spread to go by", *absent]))
    write_out(_as_json(found, settings, absent) if as_json else _as_text(found, wanted, settings, absent))
    return say_damaged(scores.corrupt)


def _as_json(found: Sequence[Power], settings: Mapping[str, Any], absent: Sequence[str]) -> str:
    rows = [{**asdict(row), "needed": [{"difference": d, "runs": n} for d, n in row.needed.items()]} for row in found]
    return (
        json.dumps({"schema_version": SCHEMA_VERSION, **settings, "rows": rows, "left_out": list(absent)}, indent=1)
        + "\n"
    )


def _as_text(
    found: Sequence[Power], wanted: Sequence[float], settings: Mapping[str, Any], absent: Sequence[str]
) -> str:
    from rlbench.analysis.power_analysis import MOST

    header = ("task", "algorithm", *(f"d = {d:g}" for d in wanted), "runs there are", "would show", "")
    rows = [
        (
            plain(row.environment) or f"all {row.tasks}",
            plain(row.algorithm),
            *(f"over {MOST}" if n is None else str(n) for n in row.needed.values()),
            str(row.runs),
            "nothing" if row.detectable is None else number(row.detectable, 3),
            plain(row.note),
        )
        for row in found
    ]
    many = "one pair" if settings["pairs"] == 1 else f"{settings['pairs']} pairs"
    text = "seeds on each side and task to show a difference d of normalised scores, the same on every task, with a power of"
    text += f" {settings['power']:.0%}\n"
    text += f"({'IQM' if settings['statistic'] == 'iqm' else 'mean'}, two-sided at {settings['alpha']:g}, {many})\n\n"
    text += fitted(header, rows, tuple(range(2, len(header) - 1)))
    return text + "".join(f"left out: {plain(line)}\n" for line in absent)
