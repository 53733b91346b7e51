"""`rlbench power`: how many seeds are needed to show a difference, from the spread of existing runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.api import NothingToCompare
from rlbench.cli.common_options import anchors_option, folder_argument
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.text_table import fitted, plain, write_out
from rlbench.text import console_number

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
    help="Difference in normalised scores; may be repeated; default: 0.05, 0.1 and 0.2.",
)
@click.option("--power", type=_SHARE, default=0.8, show_default=True, help="Probability of showing the difference.")
@click.option("--alpha", type=_SHARE, default=0.05, show_default=True, help="Family-wise significance level.")
@click.option(
    "--pairs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of pairs to test together, for Holm's correction.",
)
@click.option(
    "--statistic",
    type=click.Choice(["iqm", "mean"]),
    default="iqm",
    show_default=True,
    help="Statistic of the runs' scores to compare: the interquartile mean or the mean.",
)
@anchors_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
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
    """Estimate from the runs in DIRECTORY how many seeds are needed to show a difference.

    DIRECTORY is a result folder, or the name of one under results/; default: the newest results.

    Each algorithm is compared with an imagined one whose scores vary as much as its own. For each --difference, the
    table gives the number of seeds per algorithm and task that the test needs to show this difference. It also gives
    the smallest difference that the present number of runs would show. The estimate resamples the runs
    (docs/statistics.md), so it cannot foresee a kind of failure that no run has had.
    """
    from rlbench.analysis import Results
    from rlbench.analysis.power_analysis import left_out, power_of

    sizes = tuple(dict.fromkeys(differences or DEFAULT))
    scores = Results(directory, supplied).final_scores
    rows = power_of(scores, sizes, power, alpha, pairs, statistic)
    settings = {"power": power, "alpha": alpha, "pairs": pairs, "statistic": statistic}
    absent = left_out(scores)
    if not rows:
        raise NothingToCompare("; ".join(["no runs to estimate a spread from", *absent]))
    write_out(_as_json(rows, settings, absent) if as_json else _as_text(rows, sizes, settings, absent))
    return report_damaged(scores.corrupt)


def _as_json(powers: Sequence[Power], settings: Mapping[str, Any], absent: Sequence[str]) -> str:
    rows = [{**asdict(row), "needed": [{"difference": d, "runs": n} for d, n in row.needed.items()]} for row in powers]
    return (
        json.dumps({"schema_version": SCHEMA_VERSION, **settings, "rows": rows, "left_out": list(absent)}, indent=1)
        + "\n"
    )


def _as_text(
    powers: Sequence[Power], sizes: Sequence[float], settings: Mapping[str, Any], absent: Sequence[str]
) -> str:
    from rlbench.analysis.power_analysis import MOST

    header = ("task", "algorithm", *(f"d = {d:g}" for d in sizes), "present runs", "would show", "")
    rows = [
        (
            plain(row.environment) or f"all {row.tasks}",
            plain(row.algorithm),
            *(f"over {MOST}" if n is None else str(n) for n in row.needed.values()),
            str(row.runs),
            "nothing" if row.detectable is None else console_number(row.detectable, 3),
            plain(row.note),
        )
        for row in powers
    ]
    pairs = "one pair" if settings["pairs"] == 1 else f"{settings['pairs']} pairs"
    statistic = "IQM" if settings["statistic"] == "iqm" else "mean"
    text = "seeds of each algorithm on each task that show a difference d in normalised scores (the same on every task)"
    text += f" with a power of {settings['power']:.0%}\n({statistic}, two-sided at {settings['alpha']:g}, {pairs})\n\n"
    text += fitted(header, rows, tuple(range(2, len(header) - 1)))
    return text + "".join(f"left out: {plain(line)}\n" for line in absent)
