"""`rlbench crossplay`: how well the agents of one seed play with the agents of another seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.api import Diverged, NothingToCompare, PluginError, StoreError
from rlbench.cli.common_options import folder_argument, open_plugins
from rlbench.cli.declared_options import plugin_option
from rlbench.cli.suite_trust import allow_option, has_environment, suite_option
from rlbench.cli.text_table import fitted, plain, write_error, write_out
from rlbench.text import console_interval, console_number, plural

if TYPE_CHECKING:
    from rlbench.analysis import Results
    from rlbench.analysis.crossplay_gaps import Gap, Team
    from rlbench.results.crossplay_files import CrossPlay

SCHEMA_VERSION = 1
FAILED = 1


@click.command()
@folder_argument
@click.option(
    "-a",
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="PATTERN",
    help="Play only matching algorithms; may be repeated, or a list with commas.",
)
@click.option(
    "-e",
    "--env",
    "environments",
    multiple=True,
    metavar="PATTERN",
    help="Play only matching environments; may be repeated, or a list with commas.",
)
@click.option(
    "--episodes",
    type=click.IntRange(1),
    help="Number of episodes of each pair of seeds; default: as in the stored result, if there is one, otherwise 32.",
)
@click.option("--rerun", is_flag=True, help="Play all pairs again, even those whose runs have not changed.")
@suite_option
@allow_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def crossplay(
    directory: Path,
    algorithms: Sequence[str],
    environments: Sequence[str],
    episodes: int | None,
    rerun: bool,
    suite: str | None,
    allowed: Sequence[str],
    plugin_files: Sequence[str],
    as_json: bool,
) -> int:
    """Let the agents of each seed in DIRECTORY play with the agents of other seeds, and print how much return is lost.

    DIRECTORY is a result folder, or the name of one under results/; default: the newest results. For each multi-agent
    algorithm and task with two or more finished runs, every ordered pair of seeds plays the same episodes: the first
    half of the agents (rounded up) comes from one seed, and the rest from the other. The table shows the mean team
    return of seeds with themselves and with others, and the difference with its 95 % bootstrap interval over seeds.

    The result is stored in DIRECTORY/crossplay, and the report shows it. A later call plays an algorithm on a task
    again only if its runs or --episodes have changed, or with --rerun.

    A result folder can name code, which is not trusted. An environment or wrapper that it names is created only if it
    comes with an installed plugin or a file given with --plugin, unless --suite or --allow permits more.
    """
    from rlbench.analysis import Results
    from rlbench.analysis.crossplay_gaps import gap_of, teams
    from rlbench.reevaluation.crossplay_matrix import EPISODES, obstacle, play_pairs

    results, plugins = Results(directory), open_plugins(plugin_files)
    if algorithms or environments:
        results = results.select(algorithms, environments)
    listed = teams(results.requested, results.states)
    if not listed:
        raise NothingToCompare(f"{results.folder} has no finished run of a task with several agents")
    gaps: list[Gap] = []
    skipped: list[str] = []
    played, failed = 0, False
    for team in listed:
        name = f"{team.algorithm} on {team.environment}"
        try:
            kept = None if team.problem or rerun else _kept(results, team, episodes)
            problem = "" if kept is not None else obstacle(team, plugins)
            if problem:
                skipped.append(f"{name}: {problem}")
                continue
            if kept is None:
                write_error(f"{name}: {plural(len(team.runs), 'seed')}")
                trusted = None if suite is not None and has_environment(suite, team.runs[0]) else allowed
                count = episodes or EPISODES
                kept, played = play_pairs(results.store, team, results.states, count, plugin_files, trusted), played + 1
            gaps.append(gap_of(kept))
        except (StoreError, PluginError, Diverged) as error:
            failed = True
            text = str(error)
            write_error(f"error: {text if text.startswith(name) else f'{name}: {text}'}")
    write_out(_as_json(gaps, skipped) if as_json else _as_text(gaps, skipped, played))
    if not gaps and not failed:
        raise NothingToCompare("no algorithm has seeds that can play together")
    return FAILED if failed else 0


def _kept(results: Results, team: Team, episodes: int | None) -> CrossPlay | None:
    """Return the team's stored cross-play, or None if it is no longer valid or has another number of episodes.

    episodes: None accepts any number. Prints an error for a file that cannot be read.
    """
    from rlbench.analysis.crossplay_gaps import stored

    try:
        kept = stored(results.folder, team, results.states)
    except StoreError as error:
        write_error(str(error))
        return None
    return kept if kept is not None and episodes in (None, kept.episodes) else None


HEADER = ("task", "algorithm", "self-play", "cross-play", "self − cross", "95 % interval", "n", "episodes")


def _as_text(gaps: Sequence[Gap], skipped: Sequence[str], played: int) -> str:
    text = ""
    if gaps:
        text = "mean team return of seeds with themselves (self-play) and with another seed (cross-play)\n\n"
        text += fitted(HEADER, [_row(gap) for gap in gaps], numbers=(2, 3, 4, 5, 6, 7))
        if any(gap.n < 5 for gap in gaps):
            text += "under 5 seeds, a row is only descriptive; under 3, it has no interval\n"
        if not played:
            text += "no run has changed since these pairs played, so nothing was played; --rerun plays them again\n"
    for gap in gaps:
        if gap.played.repeats is False:
            names = f"{gap.played.algorithm} on {gap.played.environment}"
            text += plain(f"{names}: self-play did not repeat the recorded final evaluation exactly") + "\n"
    return text + "".join(f"skipped: {plain(line)}\n" for line in skipped)


def _row(gap: Gap) -> tuple[str, ...]:
    known = gap.low == gap.low
    low, high = (gap.low, gap.high) if known else (None, None)
    return (
        plain(gap.played.environment),
        plain(gap.played.algorithm),
        console_number(gap.self_play, 2),
        console_number(gap.cross_play, 2),
        console_number(gap.gap, 2),
        console_interval(low, high, 2),
        str(gap.n),
        str(gap.played.episodes),
    )


def _as_json(gaps: Sequence[Gap], skipped: Sequence[str]) -> str:
    rows = [_entry(gap) for gap in gaps]
    return json.dumps({"schema_version": SCHEMA_VERSION, "rows": rows, "skipped": list(skipped)}, indent=1) + "\n"


def _entry(gap: Gap) -> dict[str, Any]:
    played, known = gap.played, gap.low == gap.low
    return {
        "algorithm": played.algorithm,
        "environment": played.environment,
        "n": gap.n,
        "episodes": played.episodes,
        "policy": played.policy,
        "self_play": gap.self_play,
        "cross_play": gap.cross_play,
        "gap": gap.gap,
        "low": gap.low if known else None,
        "high": gap.high if known else None,
        "seeds": list(played.seeds),
        "agents": list(played.agents),
        "first": played.first,
        "matrix": played.matrix.tolist(),
        "gap_by_seed": gap.by_seed.tolist(),
        "repeats": played.repeats,
    }
