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
from rlbench.cli.comparison_text import as_text
from rlbench.cli.missing_runs import report_damaged
from rlbench.cli.text_table import plain, write_out
from rlbench.cli.user_paths import user_path

if TYPE_CHECKING:
    from rlbench.analysis import Anchors, Comparison
    from rlbench.analysis.pair_selection import Pairs

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
@click.option("--baseline", metavar="X", help="Compare every other algorithm with X, instead of all pairs.")
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
@click.option(
    "--curriculum",
    is_flag=True,
    help="Compare each algorithm with and without its curriculum: scores of the first evaluation, steps to "
    "a threshold, and final scores.",
)
@click.option(
    "--threshold",
    type=float,
    metavar="RETURN",
    help="With --curriculum: the return to reach; default: the upper anchor.",
)
@anchors_option
@click.option("-v", "--verbose", is_flag=True, help="Print every number of each comparison, and every note.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def compare(
    names: Sequence[str],
    directory: str | None,
    baseline: str | None,
    statistic: str,
    alpha: float,
    curriculum: bool,
    threshold: float | None,
    supplied: Mapping[str, Anchors],
    verbose: bool,
    as_json: bool,
) -> int:
    """Compare A with B: print the verdict, the difference A − B with its 95 % interval, and p.

    Each pair is compared on each common task, and once more on all common tasks together. p is the larger of two
    p-values, from a permutation test and from Welch's t-test. -v also prints both estimates, the p of each test, effect
    sizes and notes.

    \b
    rlbench compare dqn ppo              two algorithms of the newest results (-d: of another folder)
    rlbench compare dqn ppo sac          all pairs of these three
    rlbench compare --baseline dqn       every algorithm against dqn
    rlbench compare                      all pairs, except those with random
    rlbench compare new old              two folders: for each algorithm, the runs in `new` against those in `old`
    rlbench compare --curriculum         each algorithm with and without its curriculum

    With -d, A and B are algorithms. Without -d, they are two result folders (paths, or names under results/) or two
    algorithms of the newest results, whichever exist. If a name is both, the command stops with an error. Holm's
    correction treats the comparisons over all tasks as one family of tests, and the comparisons on single tasks as
    another.
    """
    from rlbench.analysis import compare as compare_pairs

    if curriculum:
        if baseline is not None:
            raise click.UsageError("--curriculum compares an algorithm with itself, so it takes no --baseline")
        return _compare_curricula(names, directory, supplied, (statistic, alpha, threshold), verbose, as_json)
    if threshold is not None:
        raise click.UsageError("--threshold belongs to --curriculum")
    pairs = _pairs(names, directory, baseline, supplied)
    result = compare_pairs(pairs, statistic, alpha)
    corrupt = [
        text for scores in {id(s.scores): s.scores for pair in pairs for s in pair}.values() for text in scores.corrupt
    ]
    if as_json or result.rows:
        write_out(_as_json(result, corrupt) if as_json else as_text(result, verbose))
    if not result.rows:
        raise NothingToCompare(
            "; ".join(["nothing to compare: no two algorithms share a task and a budget", *result.apart])
        )
    return report_damaged(corrupt, 0 if result.decided else UNDECIDED)


def _compare_curricula(
    names: Sequence[str],
    directory: str | None,
    supplied: Mapping[str, Anchors],
    settings: tuple[str, float, float | None],
    verbose: bool,
    as_json: bool,
) -> int:
    from rlbench.analysis import Results
    from rlbench.analysis.curriculum_gains import curriculum_gains
    from rlbench.cli.curriculum_text import as_document, curves_text, left_out_text

    results, (statistic, alpha, threshold) = Results(find_folder(directory), supplied), settings
    gains = curriculum_gains(results, names, threshold, statistic, alpha)
    corrupt = results.final_scores.corrupt
    if as_json:
        document = {**json.loads(_as_json(gains.final, corrupt)), **as_document(gains)}
        write_out(json.dumps(document, indent=1, sort_keys=True) + "\n")
    else:
        parts = curves_text(gains), as_text(gains.final, verbose)
        write_out("\n".join(filter(None, parts)) + left_out_text(gains))
    return report_damaged(corrupt, 0 if gains.final.decided else UNDECIDED)


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
            raise click.UsageError(f"--baseline {baseline}: of two folders, it has to be {' or '.join(names)}")
        first, second = sorted(names, key=lambda name: name == baseline)
        scores = [Results(folders[name], supplied).final_scores for name in (first, second)]
        return pairs_between(scores[0], scores[1], (plain(first), plain(second)))
    if len(names) == 1 and baseline is None:
        raise click.UsageError(f"{names[0]} alone cannot be compared: give two algorithms, --baseline or --curriculum")
    return pairs_within(Results(find_folder(directory), supplied).final_scores, names, baseline)


def _folder(name: str) -> Path | None:
    """Return the result folder that has this path, or this name under results/; None if there is none."""
    return next((path for path in (user_path(name), results_root() / name) if (path / "suite.json").is_file()), None)


def _as_json(result: Comparison, corrupt: Sequence[str]) -> str:
    from rlbench.analysis.tuning_budgets import as_json, budget_sentence, differ

    document = {
        "schema_version": SCHEMA_VERSION,
        "statistic": result.statistic,
        "alpha": result.alpha,
        "family": {"over_tasks": result.family[0], "per_task": result.family[1]},
        "decided": result.decided,
        "rows": [asdict(row) for row in result.rows],
        "absent": list(result.absent),
        "apart": list(result.apart),
        "left_in_stages": list(result.left_in_stages),
        "self_reported": list(result.self_reported),
        "published": list(result.published),
        "tuned": as_json(result.tuned),
        "tuning_differs": budget_sentence(result.tuned) if differ(result.tuned) else None,
        "corrupt": list(corrupt),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"
