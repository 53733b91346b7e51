"""`rlbench compare`: pairwise comparison of algorithms in one result folder or between two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rlbench.api import NothingToCompare
from rlbench.cli.common_options import anchors_option, find_folder, results_root
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.text_table import fitted, plain, write_out
from rlbench.cli.user_paths import user_path
from rlbench.text import console_interval, console_number, fixed, fixed_interval

if TYPE_CHECKING:
    from rlbench.analysis import Anchors, Comparison, Row
    from rlbench.analysis.pair_selection import Pairs
    from rlbench.stats import Interval

SCHEMA_VERSION = 1
UNDECIDED = 5


directory_option = click.option(
    "-d",
    "--dir",
    "directory",
    metavar="DIRECTORY",
    help="Result folder that contains the algorithms A and B; default: the newest results.",
)


@click.command(
    epilog="Exit codes: 0 every pair is decided · 4 no common task · 5 some pair is undecided · "
    "others: see rlbench --help."
)
@click.argument("names", nargs=-1, metavar="[A B…]")
@directory_option
@click.option("--baseline", metavar="X", help="Compare each of the others with X, instead of all pairs.")
@click.option(
    "--statistic",
    type=click.Choice(["iqm", "mean"]),
    default="iqm",
    show_default=True,
    help="Statistic of the runs' scores to compare: the interquartile mean or the mean.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, True, True),
    default=0.05,
    show_default=True,
    help="Family-wise significance level.",
)
@anchors_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def compare(
    names: Sequence[str],
    directory: str | None,
    baseline: str | None,
    statistic: str,
    alpha: float,
    supplied: Mapping[str, Anchors],
    as_json: bool,
) -> int:
    """Compare A with B: print the difference A − B with its 95 % interval, tests and effect sizes.

    Each pair is compared on every task that both have, and over all tasks.

    \b
    rlbench compare dqn ppo              two algorithms of the newest results (-d: of another folder)
    rlbench compare dqn ppo sac          all pairs of these three
    rlbench compare --baseline dqn       every algorithm with dqn
    rlbench compare                      all pairs, except those with random
    rlbench compare new old              two folders: each algorithm's runs in new with its runs in old

    A and B are folders (a path, or a name under results/) if both contain results and -d is not given; otherwise they
    are algorithms. A name that could be either is an error. Holm's correction treats the
    comparisons over all tasks as one family of tests, and those on single tasks as another.
    """
    from rlbench.analysis import compare as compare_pairs

    pairs = _pairs(names, directory, baseline, supplied)
    result = compare_pairs(pairs, statistic, alpha)
    corrupt = [
        text for scores in {id(s.scores): s.scores for pair in pairs for s in pair}.values() for text in scores.corrupt
    ]
    if as_json or result.rows:
        write_out(_as_json(result, corrupt) if as_json else _as_text(result))
    if not result.rows:
        raise NothingToCompare("; ".join(["nothing to compare: no two algorithms share a task", *result.apart]))
    return report_damaged(corrupt, 0 if result.decided else UNDECIDED)


def _pairs(names: Sequence[str], directory: str | None, baseline: str | None, supplied: Mapping[str, Anchors]) -> Pairs:
    from rlbench.analysis import Results
    from rlbench.analysis.pair_selection import pairs_between, pairs_within

    folders = {name: path for name in names if (path := _folder(name)) is not None}
    if directory is None and folders:
        within = Results(find_folder(None), supplied).final_scores if any(results_root().glob("*/suite.json")) else None
        both = [name for name in folders if within is not None and name in within.algorithms]
        if both:
            raise click.UsageError(
                f"{both[0]!r} is both an algorithm of {within.name if within else ''} and a folder with results: "
                f"give -d DIRECTORY to mean the algorithm, or {folders[both[0]]}/ to mean the folder"
            )
        if len(names) != 2 or len(folders) != 2:
            others = [name for name in names if name not in folders]
            given = f"{', '.join(folders)} {'are folders' if len(folders) > 1 else 'is a folder'}"
            raise click.UsageError(
                f"{given} with results, so exactly two folders are needed"
                + (f"; {', '.join(others)} {'are' if len(others) > 1 else 'is'} not one" if others else "")
            )
        if baseline is not None and baseline not in names:
            raise click.UsageError(f"--baseline {baseline}: between two folders, the baseline is {' or '.join(names)}")
        first, second = sorted(names, key=lambda name: name == baseline)
        scores = [Results(folders[name], supplied).final_scores for name in (first, second)]
        return pairs_between(scores[0], scores[1], (plain(first), plain(second)))
    if len(names) == 1 and baseline is None:
        raise click.UsageError(f"{names[0]} alone cannot be compared: give two algorithms, or --baseline")
    return pairs_within(Results(find_folder(directory), supplied).final_scores, names, baseline)


def _folder(name: str) -> Path | None:
    """Return the folder with results that has this path, or this name under results/; None if there is none."""
    return next((path for path in (user_path(name), results_root() / name) if (path / "suite.json").is_file()), None)


def _as_json(result: Comparison, corrupt: Sequence[str]) -> str:
    document = {
        "schema_version": SCHEMA_VERSION,
        "statistic": result.statistic,
        "alpha": result.alpha,
        "family": {"over_tasks": result.family[0], "per_task": result.family[1]},
        "decided": result.decided,
        "rows": [asdict(row) for row in result.rows],
        "absent": list(result.absent),
        "apart": list(result.apart),
        "self_reported": list(result.self_reported),
        "corrupt": list(corrupt),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _as_text(result: Comparison) -> str:
    overall = [row for row in result.rows if not row.environment]
    single = [row for row in result.rows if row.environment]
    statistic = result.statistic.upper() if result.statistic == "iqm" else result.statistic
    text = f"{statistic} over runs, ours − theirs, with its 95 % interval\n"
    if overall:
        text += "\nover all tasks, in normalised scores (0: lower anchor, 1: upper anchor)\n\n"
        text += fitted(
            ("ours − theirs", "tasks", *HEADER), [(_pair(r), str(r.tasks), *_cells(r, 3)) for r in overall], _NUMBERS
        )
    if single:
        text += "\non each task, in returns\n\n"
        rows = [(_pair(r), plain(r.environment), *_cells(r, 1), *_effects(r)) for r in single]
        text += fitted(("ours − theirs", "task", *HEADER, "Cliff's δ", "Hedges' g"), rows, (*_NUMBERS[1:], 10, 11))
    text += "\n" + _legend(result)
    return text


HEADER = ("ours", "theirs", "n", "difference", "P(higher)", "p", "p, Holm", "")
_NUMBERS = (1, 2, 3, 5, 7, 8)


def _pair(row: Row) -> str:
    return f"{plain(row.ours)} − {plain(row.theirs)}"


def _cells(row: Row, digits: int) -> tuple[str, ...]:
    estimates = row.estimates or (None, None)
    interval = row.difference
    if interval is not None:
        three = [_without_rounding(value, estimates) for value in (interval.estimate, interval.low, interval.high)]
        estimate, low, high = three
        difference = console_number(estimate, digits, "+", three)
        difference += f" {console_interval(low, high, digits, '+', three)}"
    elif row.estimates is not None:
        difference = console_number(_without_rounding(row.estimates[0] - row.estimates[1], estimates), digits, "+")
    else:
        difference = "–"
    verdict = f"{row.verdict}: {plain(row.note)}" if row.note else row.verdict
    others = (f"{row.n[0]}/{row.n[1]}", difference, _improvement(row.improvement), _p(row.p), _p(row.p_holm), verdict)
    return (*(console_number(e, digits) for e in estimates), *others)


def _without_rounding(value: float, estimates: Sequence[float | None]) -> float:
    """Return 0 for a difference that is only a rounding error of the two estimates."""
    size = max((abs(estimate) for estimate in estimates if estimate is not None), default=0.0)
    return 0.0 if abs(value) <= 1e-14 * size else value


def _effects(row: Row) -> tuple[str, str]:
    return console_number(row.cliffs_delta, 2, among=(1.0,)), console_number(row.hedges_g, 2, among=(1.0,))


def _improvement(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{fixed(interval.estimate, 2)} {fixed_interval(interval.low, interval.high, 2)}"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _legend(result: Comparison) -> str:
    whole, single = result.family
    families = [f"{whole} over all tasks"] * bool(whole) + [f"{single} on single tasks"]
    lines = [
        f"better, worse: of ours, if p after Holm is at most {result.alpha:g} (families: {', '.join(families)})",
        "p: the larger one of a permutation test (run labels exchanged within tasks) and Welch's t-test",
        "P(higher): the probability that a run of ours scores higher than one of theirs; ties count half",
        "intervals: for each comparison alone, without a correction for their number",
    ]
    verdicts = {row.verdict for row in result.rows}
    if "descriptive only" in verdicts:
        lines.append("descriptive only: with under 5 runs on a side, neither is called better")
    if "too few runs" in verdicts:
        lines.append("too few runs: with under 3 runs on a side, there is no interval and no test")
    if result.self_reported:
        names = plain(", ".join(result.self_reported))
        lines.append(f"self-reported, so a difference may be one of protocol: {names}")
    lines += [f"missing: {plain(text)}" for text in result.absent]
    lines += [f"not compared: {plain(text)}" for text in result.apart]
    return "".join(f"{line}\n" for line in lines)
